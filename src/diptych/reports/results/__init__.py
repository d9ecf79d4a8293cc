"""The results of many runs as rows: what tables, data frames and pages of results are made of."""
