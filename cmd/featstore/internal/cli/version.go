package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// A build says which program this is.
type build struct {
	Version  string `json:"version"`            // of the module, "(devel)" when built from a checkout
	Revision string `json:"revision,omitempty"` // of the source
	Modified bool   `json:"modified"`           // the source had changes beyond the revision
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func thisBuild() build {
	b := build{Version: "(unknown)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show which featstore this is",
		Long: `Shows the program's version, the revision of its source and what it was built
for.

JSON fields: version, revision, modified, go, os, arch.` + exits(exitOK),
		Example: "  featstore version --json",
		Args:    args(0, 0, "no arguments"),
		RunE:    func(*cobra.Command, []string) error { return a.version() },
	}
}

func (a *app) version() error {
	b := thisBuild()
	if a.json {
		return a.emit(b)
	}
	fmt.Fprintf(a.Out, "featstore %s", b.Version)
	if b.Revision != "" {
		fmt.Fprintf(a.Out, ", revision %.12s", b.Revision)
	}
	if b.Modified {
		fmt.Fprint(a.Out, " with changes")
	}
	_, err := fmt.Fprintf(a.Out, ", built with %s for %s/%s\n", b.Go, b.OS, b.Arch)
	return err
}
