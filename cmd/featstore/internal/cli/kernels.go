package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"featstore/extract/cpu"
)

// checkKernels refuses a FEATSTORE_KERNELS that no kernels have, before the command
// begins. Commands that are only about the program itself run all the same.
func checkKernels(cmd *cobra.Command, _ []string) error {
	for c := cmd; c != nil; c = c.Parent() {
		if slices.Contains([]string{"help", "version", "completion"}, c.Name()) {
			return nil
		}
	}
	if cmd.Parent() == nil { // featstore alone shows its help
		return nil
	}
	if _, err := cpu.Chosen(); err != nil {
		return hint(&usageError{err: err}, "unset FEATSTORE_KERNELS to use the fastest kernels of this machine")
	}
	return nil
}
