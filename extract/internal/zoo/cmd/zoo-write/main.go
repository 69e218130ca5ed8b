// Command zoo-write writes a network of the zoo to a file, for other engines to run.
//
//	zoo-write -list
//	zoo-write resnet50-torchscript resnet50.onnx
//	zoo-write -small vitb16-dynamo vit.onnx
//
// The bottleneck is among the model's outputs, as "bottleneck". Weights that the
// exporter keeps in a file of their own are written beside the model.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"featstore/extract/internal/zoo"
)

func main() {
	small := flag.Bool("small", false, "make the network narrow, shallow and for small images")
	list := flag.Bool("list", false, "list the networks")
	flag.Parse()
	var err error
	switch {
	case *list:
		for _, v := range zoo.Variants() {
			fmt.Printf("%-30s %-13s %s\n", v.Name, v.Family, v.About)
		}
	case flag.NArg() != 2:
		err = fmt.Errorf("two arguments are needed, the network and the file; -list shows the networks")
	default:
		err = write(flag.Arg(0), flag.Arg(1), *small)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "zoo-write: error:", err)
		os.Exit(1)
	}
}

func write(name, file string, small bool) error {
	v, err := zoo.Find(name)
	if err != nil {
		return err
	}
	c := zoo.Config{}
	if small {
		c = v.SmallConfig()
	}
	c.NameTap = true
	m := v.Build(c)
	for beside, data := range m.Files {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), beside), data, 0o666); err != nil {
			return err
		}
	}
	return os.WriteFile(file, m.Data, 0o666)
}
