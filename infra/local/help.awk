# Prints the targets of a Makefile with the text after their `##`, under the headings after `##@`.
BEGIN { FS = ":.*## "; print "usage: make <target> [VARIABLE=value]" }
/^##@ / { print "\n" substr($0, 5) }
/^[a-z-]+:.*## / { printf "  %-18s %s\n", $1, $2 }
