"""Random changes of training pictures that leave true what their captions say."""
