// Command featstore turns folders of labelled photos into an image classifier:
// it runs every photo once through a trained network, keeps the resulting
// vectors in one file, and trains a small classifier on them.
//
//	featstore ingest ./flower_photos
//	featstore train
//	featstore predict some.jpg
//
// Run featstore help for all commands.
package main

import (
	"os"

	"featstore/cmd/featstore/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
