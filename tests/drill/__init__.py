"""The drill: bugs planted one at a time, and how many seeds it takes to catch each."""
