"""Write the good pictures of data with files into tar files, which `data=webdataset` reads as the same examples."""
