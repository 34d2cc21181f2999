// Command accord keeps the promises between services that talk by events: schema registry, validating produce
// proxy, event catalog, CI gate and reference order system in one binary.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
