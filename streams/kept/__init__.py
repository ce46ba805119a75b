"""Reading what the agents keep, of one machine or of a cluster: for commands and for the web."""
