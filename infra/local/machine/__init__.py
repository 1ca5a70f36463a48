"""The one-machine platform: the local cloud, the stand-ins, the deployed template, and the file that describes them."""
