package cli

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"pgregory.net/rapid"

	"featstore/store/storetest"
	"featstore/train"
)

// parsed gives the words of a command line, without "featstore", to the program's own
// parser and returns the command, its arguments, and an error if they do not fit.
func parsed(a *app, words []string) (*cobra.Command, []string, error) {
	cmd, rest, err := newRoot(a).Find(words)
	if err != nil {
		return cmd, nil, err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		return cmd, nil, err
	}
	got := cmd.Flags().Args()
	if cmd.Args != nil {
		err = cmd.Args(cmd, got)
	}
	return cmd, got, err
}

// shellWords reads a command line as bash does.
func shellWords(t interface{ Fatalf(string, ...any) }, line string) []string {
	cmd := exec.Command("bash", "-c", `printf '%s\0' `+line)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bash: %v: %q", err, line)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// anyName draws what somebody may call a store, a head or a folder.
func anyName(t *rapid.T, what string) string {
	name := rapid.OneOf(
		rapid.StringMatching(`[a-z./~$'"\\ *-]{1,12}`),
		rapid.StringN(1, 12, 40),
		rapid.SampledFrom([]string{defaultHead, "-x", "--", "a b", "it's", "\x1b[31m", "\xff", "two\nlines", "ü", "\u202eabc", "\\x1b'\x01"}),
	).Draw(t, what)
	return strings.NewReplacer("\x00", "0", "\r", "r").Replace(name) // no command line has NUL, no list a return
}

// Every command of a hint can be copied into a shell: the program reads there what was
// meant, with this store and this head.
func TestHintsParse(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash here")
	}
	t.Setenv("FEATSTORE_STORE", "")
	rapid.Check(t, func(t *rapid.T) {
		name, at, head := anyName(t, "store"), anyName(t, "folder"), anyName(t, "head")
		a := &app{store: name}
		cfg := train.DefaultsOf(rapid.SampledFrom(train.Kinds).Draw(t, "kind"))
		cfg.Seed = rapid.Uint64().Draw(t, "seed")
		cfg.RejectRate = rapid.Float64Range(0, 0.9).Draw(t, "rate")
		layers := "[]"
		if cfg.Kind == train.KindMLP {
			cfg.Hidden = []int{rapid.IntRange(1, 100).Draw(t, "first"), rapid.IntRange(1, 100).Draw(t, "second")}
			layers = fmt.Sprintf("[%d,%d]", cfg.Hidden[0], cfg.Hidden[1])
		}
		h := &train.Head{Kind: cfg.Kind, Config: cfg, Models: []string{"abcd", "efgh"}}
		for _, c := range []struct {
			command command
			args    []string
			flags   map[string]string
		}{
			{run("predict", argument(at)), []string{argument(at)}, nil},
			{run("ingest", argument(at), "--split-folders"), []string{argument(at)}, map[string]string{"split-folders": "on"}},
			{run("evaluate").of("--head", listItem(head)), nil, nil},
			{run("train").of("--name", head), nil, map[string]string{"name": head}},
			{retrain(head, h, true), nil, map[string]string{"name": head, "head": cfg.Kind, "seed": strconv.FormatUint(cfg.Seed, 10),
				"model": "[abcd,efgh]", "hidden": layers}},
		} {
			line := a.complete(c.command)
			if !harmless(line, "") {
				t.Fatalf("%q is not harmless", line)
			}
			words := shellWords(t, line)
			again := new(app)
			cmd, args, err := parsed(again, words[1:])
			if err != nil || words[0] != "featstore" || cmd.Name() != c.command[0] || !slices.Equal(args, c.args) {
				t.Fatalf("%q: %s %q, %v", line, cmd.Name(), args, err)
			}
			if again.store != name {
				t.Fatalf("%q is about store %q, not %q", line, again.store, name)
			}
			for flag, want := range c.flags {
				if got := cmd.Flags().Lookup(flag).Value.String(); got != want {
					t.Fatalf("%q: --%s is %q, want %q", line, flag, got, want)
				}
			}
		}
	})
}

// Training anew by the command of a hint is training with the settings of the head, and
// neither replaces another head nor says what is usual anyway.
func TestRetrain(t *testing.T) {
	cfg := train.DefaultsOf(train.KindSoftmax)
	plain := &train.Head{Kind: cfg.Kind, Config: cfg, Models: []string{"abcd"}}
	cfg.Steps = 8000
	slow := &train.Head{Kind: cfg.Kind, Config: cfg, Models: []string{"abcd"}}
	svm := &train.Head{Kind: train.KindSVM, Config: train.DefaultsOf(train.KindSVM), Models: []string{"abcd"}}
	svm.Config.Strength, svm.Config.Chosen = 3, true
	for _, c := range []struct {
		got  command
		want string
	}{
		{retrain(defaultHead, plain, false), "featstore train"},
		{retrain("slow", slow, false), "featstore train --name slow --steps 8000"},
		{retrain("a b", svm, true), "featstore train --name 'a b' --head svm --model abcd"},
	} {
		if got := (&app{store: defaultStore()}).complete(c.got); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// Commands are named by run, and nowhere else but in the help: what is written into a
// text would lose --store. What run is given is a command with flags that it has.
func TestHintsAreMadeByRun(t *testing.T) {
	files := token.NewFileSet()
	sources := parseSources(t, files)
	commands := map[string]bool{}
	eachRunnable(newRoot(&app{}), func(path string, _ *cobra.Command) { commands[path] = true })
	named := 0
	look := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			key, _ := n.Key.(*ast.Ident)
			if key != nil && slices.Contains([]string{"Long", "Example", "Short"}, key.Name) {
				return false
			}
		case *ast.AssignStmt: // cobra's own command
			if s, ok := n.Lhs[0].(*ast.SelectorExpr); ok && s.Sel.Name == "Example" {
				return false
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.Ident); ok && f.Name == "run" {
				named++
				checkRun(t, files.Position(n.Pos()), n.Args)
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(n.Value)
			if n.Kind != token.STRING || err != nil || strings.HasPrefix(text, "\nThat was all of it.") {
				return true // the last is of the demo, which is about another store
			}
			for path := range commands {
				if strings.Contains(text+" ", "featstore "+path+" ") && !strings.Contains(text, "featstore demo:") {
					t.Errorf("%s: write run(%q) instead of %q", files.Position(n.Pos()), path, text)
				}
			}
		}
		return true
	}
	for _, f := range sources {
		ast.Inspect(f, look)
	}
	if named < 10 {
		t.Errorf("only %d commands are named: the scan does not see them", named)
	}
}

// parseSources parses the package's files, without tests.
func parseSources(t *testing.T, files *token.FileSet) (sources []*ast.File) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, f)
	}
	return sources
}

// checkRun checks the words of a run that stand in the source.
func checkRun(t *testing.T, at token.Position, args []ast.Expr) {
	t.Helper()
	var words []string
	for _, arg := range args {
		word := "x" // something of the user's
		if lit, ok := arg.(*ast.BasicLit); ok {
			word, _ = strconv.Unquote(lit.Value)
		} else if len(words) > 0 && slices.Contains([]string{"--validation", "--testing"}, words[len(words)-1]) {
			word = "1"
		}
		words = append(words, word)
	}
	if len(words) > 0 && words[0] == "predict" && len(words) == 1 {
		words = append(words, "FILE") // with comes behind
	}
	if _, _, err := parsed(new(app), words); err != nil {
		t.Errorf("%s: %q: %v", at, words, err)
	}
}

// A hint keeps the store where it is printed, as text and as JSON.
func TestHintsKeepTheStore(t *testing.T) {
	t.Chdir(storetest.Dir(t))
	for _, flags := range [][]string{nil, {"--json"}} {
		var out, errs bytes.Buffer
		code := Main(append([]string{"stats", "--store", "my store.db"}, flags...), Streams{Out: &out, Err: &errs})
		if code != exitNoStore || !strings.Contains(errs.String(), "featstore ingest FOLDER --store 'my store.db', or name another") {
			t.Errorf("exit code %d, %s", code, errs.String())
		}
	}
}
