package cli

import (
	"github.com/spf13/pflag"

	"featstore/extract"
)

// A memoryFlag sets the limits of networks.
type memoryFlag struct{ gigabytes float64 }

const (
	memoryFlagName       = "network-memory"
	defaultNetworkMemory = 4
)

func (f *memoryFlag) register(flags *pflag.FlagSet) {
	flags.Float64Var(&f.gigabytes, memoryFlagName, defaultNetworkMemory, "GB that a network's weights, and its activations, may take at most")
}

// limits are those of the flag; nothing is set where they are the default.
func (f *memoryFlag) limits() (extract.ModelLimits, error) {
	if !(f.gigabytes > 0 && f.gigabytes <= 1<<20) {
		return extract.ModelLimits{}, usagef("--%s %g: want a number of GB, for instance 16", memoryFlagName, f.gigabytes)
	}
	if f.gigabytes == defaultNetworkMemory {
		return extract.ModelLimits{}, nil
	}
	most := int64(f.gigabytes * (1 << 30))
	return extract.ModelLimits{Weights: most, Arena: most}, nil
}
