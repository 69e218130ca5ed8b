// Command _asm generates the assembly kernels of package kernel: run
// "go generate" in that package's folder.
//
// The kernels of a family and an instruction set share a file of assembly,
// FAMILY_ISA_amd64.s, and one of Go declarations, FAMILY_ISA_amd64.go. As avo has one
// global file, a process of its own generates each.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	isa := flag.String("isa", "", "which vectors to use: avx2 or avx512")
	name := flag.String("family", "", "which kernels to generate; none for all files")
	flag.Parse()
	var err error
	if *name == "" {
		err = generateAll()
	} else {
		err = generate(*name, *isa)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// base is the path of a family's files without ending.
func base(family, isa string) string { return filepath.Join("..", family+"_"+isa+"_amd64") }

// generateAll generates the files of all families.
func generateAll() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, f := range families {
		for isa := range vectors {
			cmd := exec.Command(self, "-family", f.name, "-isa", isa, "-pkg", "kernel", "-out", base(f.name, isa)+".s")
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("generate %s for %s: %w", f.name, isa, err)
			}
		}
	}
	return nil
}

// generate generates the files of one family, the assembly where -out says.
func generate(name, isa string) error {
	v := vectors[isa]
	if v == nil {
		return fmt.Errorf("no vectors called %q", isa)
	}
	f, err := familyByName(name)
	if err != nil {
		return err
	}
	ConstraintExpr("amd64,!purego")
	f.kernels(v)
	if err := v.declare(base(name, isa)+".go", f.tables); err != nil {
		return err
	}
	Generate()
	if name == "bytes_product" && !v.masks {
		return encodeDots(base(name, isa) + ".s")
	}
	return nil
}
