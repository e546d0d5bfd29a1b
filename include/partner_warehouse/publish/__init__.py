"""What BI and finance open: built apart, checked, then swapped in whole."""
