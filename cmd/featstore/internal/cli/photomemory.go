package cli

import (
	"strings"

	"github.com/spf13/pflag"

	"featstore/extract"
	"featstore/extract/photo"
)

// A photoMemoryFlag sets the memory that photos being decoded share.
type photoMemoryFlag struct{ gigabytes float64 }

const (
	photoMemoryFlagName = "photo-memory"
	defaultPhotoMemory  = 0.8 // photo.DefaultMemory
)

func (f *photoMemoryFlag) register(flags *pflag.FlagSet) {
	flags.Float64Var(&f.gigabytes, photoMemoryFlagName, defaultPhotoMemory,
		"GB that photos may take while they are decoded, all together; one photo may take half of it")
}

// limit makes networks share the flag's memory.
func (f *photoMemoryFlag) limit(networks []*extract.Network) error {
	if !(f.gigabytes > 0 && f.gigabytes <= 1<<20) {
		return usagef("--%s %g: want a number of GB, for instance 4", photoMemoryFlagName, f.gigabytes)
	}
	limits := photo.Limits{Memory: photo.NewMemory(int64(f.gigabytes * (1 << 30)))}
	for _, n := range networks {
		n.LimitPhotos(limits)
	}
	return nil
}

// photoMemoryHint says what can be done about photos that needsPhotoMemory is true of.
const photoMemoryHint = "--" + photoMemoryFlagName + " allows photos more memory: half of it for one"

// needsPhotoMemory tells whether a photo was refused for the memory it takes.
func needsPhotoMemory(reason string) bool { return strings.HasPrefix(reason, photo.ErrMemory.Error()) }
