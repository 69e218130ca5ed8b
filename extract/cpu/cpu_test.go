package cpu

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	all := Supported()
	if len(all) == 0 || all[len(all)-1] != Portable || !slices.IsSortedFunc(all, func(a, b ISA) int { return int(b - a) }) {
		t.Fatalf("supported are %v: want the fastest first and portable last", all)
	}
	for _, i := range all {
		if got, err := ByName(i.String()); err != nil || got != i {
			t.Errorf("ByName(%q) is %v, %v", i, got, err)
		}
	}
	if got, err := ByName(""); err != nil || got != all[0] {
		t.Errorf("ByName of no name is %v, %v, want the fastest, %v", got, err, all[0])
	}
	for i := all[0] + 1; i <= AVX512; i++ {
		if _, err := ByName(i.String()); err == nil {
			t.Errorf("ByName(%q) is no error on a machine that cannot run it", i)
		}
	}
}

func TestChoose(t *testing.T) {
	for name, want := range map[string]ISA{"": Supported()[0], "portable": Portable} {
		if got, err := choose(name); err != nil || got != want {
			t.Errorf("FEATSTORE_KERNELS=%q chooses %v, %v, want %v", name, got, err, want)
		}
	}
	for _, name := range []string{"sse9", "AVX2", " portable", "ISA(1)"} {
		want := fmt.Sprintf("FEATSTORE_KERNELS: no kernels called %q on this machine: choose one of ", name)
		if got, err := choose(name); err == nil || got != Portable || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("FEATSTORE_KERNELS=%q chooses %v, %v, want an error that begins with %q", name, got, err, want)
		}
	}
}
