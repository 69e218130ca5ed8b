package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"featstore/cmd/featstore/internal/cli"
	"featstore/store/storetest"
)

// asProgram tells this test program to be featstore itself.
const asProgram = "FEATSTORE_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){
		"featstore": func() {
			os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// TestScripts runs the user stories: one file below testdata/script each.
func TestScripts(t *testing.T) {
	testscript.Run(t, params(t, filepath.Join("testdata", "script")))
}

// params prepares scripts: beside testscript's own commands they have those of
// scriptCommands, and the condition [shared] for ../shared being there.
func params(t *testing.T, dir string) testscript.Params {
	t.Helper()
	shared, err := filepath.Abs(filepath.Join(repository, "..", "shared"))
	if err != nil {
		t.Fatal(err)
	}
	_, missing := os.Stat(shared)
	phone, err := filepath.Abs(filepath.Join(repository, "extract", "photo", "testdata", "phone"))
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                scriptCommands,
		Condition: func(cond string) (bool, error) {
			if cond == "shared" {
				return missing == nil, nil
			}
			if cond == "root" { // whom permissions do not bind
				return os.Geteuid() == 0, nil
			}
			return false, os.ErrInvalid
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SHARED", shared)
			env.Setenv("PHONE", phone)
			env.Defer(func() { storetest.CheckFolder(t, env.WorkDir) })
			return nil
		},
	}
}
