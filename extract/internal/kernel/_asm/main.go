// Command _asm generates the assembly kernels of package kernel: run
// "go generate" in that package's folder.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	isa := flag.String("isa", "avx512", "which vectors to use: avx2 or avx512")
	stubs := flag.String("declarations", "", "file to write the Go declarations to")
	flag.Parse()
	v := vectors[*isa]
	if v == nil {
		fmt.Fprintf(os.Stderr, "no vectors called %q\n", *isa)
		os.Exit(2)
	}
	ConstraintExpr("amd64,!purego")
	products(v)
	depthwise(v)
	depthwiseTaps(v)
	transforms(v)
	winogradTransforms(v)
	pointwise(v)
	activations(v)
	fakeQuantize(v)
	reductions(v)
	outers(v)
	depthwiseGradients(v)
	pointwiseGradients(v)
	if !v.masks {
		bytePairs(v)
		byteDots(v)
	} else {
		byteProducts(v)
		byteDepthwise(v)
		byteDepthwiseColumns(v)
		bytePointwise(v)
	}
	if err := v.declare(*stubs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	Generate()
	if out := flag.Lookup("out").Value.String(); !v.masks {
		if err := encodeDots(out); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
