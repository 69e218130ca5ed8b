package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store/storetest"
)

// evil does all to a terminal that a text can do. The word at the end tells where a new
// line began that nobody wanted.
const evil = "\x1b[31m\a\r\x7f\u009b2J\u202e\u2066\u2028\tE\nVIL"

// evilName is evil for what may be no text: a file's name.
const evilName = evil + "\xff"

// quietly reports what in an output would do something to a terminal.
func quietly(out string) error {
	for i, r := range out {
		if moves(r) && r != '\n' || r == utf8.RuneError && out[i] != "\uFFFD"[0] {
			return fmt.Errorf("character %q in %q", out[i:min(i+4, len(out))], out[max(0, i-200):min(i+40, len(out))])
		}
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "VIL") {
			return fmt.Errorf("a line that a name began in %q", out)
		}
	}
	return nil
}

// A haunted folder has control characters in everything that a file can carry.
type haunted struct {
	photos, photo string
	store, made   string // a store with a head, and one that is not there
	head          string
	network       string   // usable, with a manifest
	broken        []string // networks that are refused for what is in them
	list          string   // of splits
	rows, texts   string   // vectors: a table, and a folder of texts
}

func haunt(t *testing.T) *haunted {
	t.Helper()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("such names are not allowed here")
	}
	t.Chdir(storetest.Dir(t))
	h := &haunted{
		photos: "photos" + evilName, store: "store" + evilName + ".db", made: "made" + evilName + ".db",
		head: "head" + evil, network: "net" + evilName + ".onnx", list: "list" + evilName + ".csv",
		rows: "rows" + evilName + ".csv", texts: "texts" + evilName,
	}
	h.photo = filepath.Join(h.photos, "rose"+evil, "photo"+evilName+".jpg")
	if err := drawn.Write(context.Background(), h.photos, 6, 1); err != nil {
		t.Fatal(err)
	}
	rename := func(from, to string) {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range drawn.Kinds {
		rename(filepath.Join(h.photos, kind), filepath.Join(h.photos, kind+evil))
	}
	rename(filepath.Join(h.photos, "rose"+evil, "rose_000.jpg"), h.photo)
	h.write(t, filepath.Join(h.photos, "rose"+evil, "none"+evilName+".jpg"), "no photo")
	h.write(t, filepath.Join(h.photos, "rose"+evil, "none"+evilName+".txt"), "no photo")
	h.write(t, filepath.Join(h.photos, "loose"+evilName+".jpg"), "no photo")
	h.write(t, h.list, "path,split\n\"rose"+evil+"/none\",\"test"+evil+"\"\n")
	q := func(text string) string { return `"` + text + evil + `",` }
	h.write(t, h.rows, "path,label,"+q("strange")+"f0,f1\n"+q("rose")+q("rose")+",1,2\nb,"+q("tulip")+",2,1\n"+q("c")+",,1,1\nd,x,,"+q("y")+"1\n")
	h.write(t, filepath.Join(h.texts, "rose"+evil, "a"+evilName+".jpg.txt"), "1,2")
	h.write(t, filepath.Join(h.texts, "rose"+evil, "b"+evilName+".jpg.txt"), "1,x"+evil)
	h.networks(t)
	return h
}

func (h *haunted) write(t *testing.T, name, data string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(data), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// networks writes networks whose names are all haunted.
func (h *haunted) networks(t *testing.T) {
	h.write(t, h.network, string(evilNetwork("", "", "")))
	manifest, _ := json.Marshal(map[string]any{"name": "net" + evil, "preprocess": map[string]any{"preset": "imagenet", "width": 8, "height": 8}})
	h.write(t, strings.TrimSuffix(h.network, ".onnx")+".json", string(manifest))
	for name, data := range map[string][]byte{
		"operator": evilNetwork("Rel"+evil, "", ""),
		"domain":   evilNetwork("Relu", "domain"+evil, ""),
		"location": evilNetwork("", "", "file"+evil),
		"outside":  evilNetwork("", "", "../"+evil),
		"cut":      evilNetwork("", "", "")[:400],
		"preset":   evilNetwork("", "", ""),
		"text":     []byte("text" + evil),
	} {
		file := name + evilName + ".onnx"
		h.write(t, file, string(data))
		h.broken = append(h.broken, file)
	}
	h.write(t, "preset"+evilName+".json", `{"preprocess":{"preset":"none\u001b[31m\u009b\u202e"},"tap":"\u001b\nVIL"}`)
	slices.Sort(h.broken)
}

// A message is protobuf's, put together field by field.
type message []byte

func (m message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) number(field protowire.Number, n uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), n)
}

// port is a ValueInfoProto of floats.
func port(name string, dims ...uint64) string {
	var shape message
	for _, d := range dims {
		shape = shape.text(1, string(message{}.number(1, d)))
	}
	tensor := message{}.number(1, 1).text(2, string(shape))
	return string(message{}.text(1, name).text(2, string(message{}.text(1, string(tensor)))))
}

// evilNetwork is a small classifier, or what is to be refused for an operator, its
// domain, or the place of its weights.
func evilNetwork(operator, domain, location string) []byte {
	e := evil
	node := func(op, domain string, in, out string, attrs ...message) string {
		n := message{}
		for _, name := range strings.Split(in, "|") {
			n = n.text(1, name)
		}
		n = n.text(2, out).text(3, "node"+op+e).text(4, op).text(6, "doc"+e).text(7, domain)
		return string(n)
	}
	weights := message{}.number(1, 3).number(1, 4).number(2, 1).text(8, "w"+e)
	if location == "" {
		weights = weights.text(9, strings.Repeat("\x00\x00\x80\x3f", 12))
	} else {
		weights = weights.text(13, string(message{}.text(1, "location").text(2, location))).number(14, 1)
	}
	g := message{}.text(1, node("GlobalAveragePool", "", "x"+e, "pool"+e)).text(1, node("Flatten", "", "pool"+e, "flat"+e))
	last := "flat" + e
	if operator != "" {
		g, last = g.text(1, node(operator, domain, last, "strange"+e)), "strange"+e
	}
	g = g.text(1, node("MatMul", "", last+"|w"+e, "y"+e)).text(2, "graph"+e).text(5, string(weights)).
		text(11, port("x"+e, 1, 3, 8, 8)).text(12, port("y"+e, 1, 4))
	m := message{}.number(1, 8).text(2, "producer"+e).text(3, "version"+e).text(4, "domain"+e).text(7, string(g)).
		text(8, string(message{}.number(2, 17))).text(14, string(message{}.text(1, "key"+e).text(2, "value"+e)))
	if domain != "" {
		m = m.text(8, string(message{}.text(1, domain).number(2, 1)))
	}
	return m
}

// A hauntedRun is a command line with all that is haunted in it, and the exit code that
// it has nevertheless.
type hauntedRun struct {
	code int
	args []string
}

// listed writes names as flags that take several want it.
func listed(names ...string) string { return `"` + strings.Join(names, `","`) + `"` }

// runs lists, for every command, the ways to call it: they bring every string of the
// store and of the files to the screen. A new command needs an entry.
func (h *haunted) runs() map[string][]hauntedRun {
	ok := func(args ...string) hauntedRun { return hauntedRun{exitOK, args} }
	refused := func(code int, args ...string) hauntedRun { return hauntedRun{code, args} }
	net := listed("net" + evil)
	runs := map[string][]hauntedRun{
		"ingest": {refused(exitSomeFailed, h.photos, "--size", "64"), refused(exitSomeFailed, h.photos, "--model", h.network, "--model", "default,size=64"),
			refused(exitFailure, h.photos, "--split-file", h.list), refused(exitFailure, h.photo)},
		"train": {ok("--name", h.head, "--model", "efficientnet-lite0", "--steps", "200"), ok("--name", "second"+evil, "--model", net, "--head", "auto")},
		"finetune": {ok("--head", "tuned"+evil, "--model", "efficientnet-lite0", "--epochs", "1", "--from", "block14.add"),
			refused(exitFailure, "--head", "tuned"+evil, "--model", net), refused(exitUsage, "--model", net, "--from", "none"+evil)},
		"stats": {ok("--failures"), ok("--near-duplicates=0.1", "--model", net)},
		"evaluate": {ok("--head", listed(h.head), "--split", "training"), ok("--head", listed(h.head, "second"+evil), "--cv", "2"),
			ok("--curve", "--model", net)},
		"predict": {ok("--head", listed(h.head), h.photo), refused(exitSomeFailed, "--head", listed("second"+evil), h.photos, "none"+evilName),
			refused(exitFailure, "--head", listed(h.head), "--model", h.broken[0], h.photo), ok("--head", listed(h.head, "second"+evil), h.photo),
			ok("--head", listed(h.head), h.photo, "--sort-into", "sorted"+evilName, "--yes")},
		"similar": {ok("--model", "efficientnet-lite0", "--top", "100", h.photo),
			refused(exitSomeFailed, "--model", net, h.photos, "none"+evilName), refused(exitUsage, "--model", "none"+evil, h.photo)},
		"cluster":         {ok("--model", net, "--typical", "100", "-o", "clusters"+evilName, "--force"), refused(exitFailure, "-o", "none/"+evilName)},
		"report":          {ok("--head", h.head, "-o", "report"+evilName+".html", "--force"), refused(exitUsage, "--head", "none"+evil, "--map", evil)},
		"next":            {refused(exitFailure, "--model", net)},
		"models":          {ok()},
		"models inspect":  {ok(h.network)},
		"models quantize": {refused(exitFailure, h.network, "--photos", h.photos, "-o", "small"+evilName)},
		"models export":   {refused(exitFailure, "net"+evil, "-o", "net"+evilName), refused(exitUsage, "none"+evil, "-o", "x")},
		"models remove":   {refused(exitUsage, "none"+evil)},
		"export":          {ok("--model", net, "-o", "export"+evilName+".csv"), ok("--model", net, "-o", "export"+evilName, "--format", "npy")},
		"import": {refused(exitSomeFailed, h.rows, "--store", h.made), refused(exitFailure, h.rows, "--photos", h.photos, "--store", h.made),
			refused(exitSomeFailed, h.texts, "--name", "model"+evil, "--store", h.made), refused(exitFailure, h.list),
			refused(exitFailure, h.rows, "--network", h.network), refused(exitFailure, "none"+evilName),
			refused(exitFailure, h.rows, "--label-column", "none"+evil)},
		"split":      {ok("--salt", evilName), refused(exitFailure, "--file", h.list)},
		"compact":    {ok()},
		"check":      {ok()},
		"bench":      {refused(exitFailure, "--only", "network", "--model", h.broken[0])},
		"demo":       {refused(exitUsage, "--each", "0", "--dir", evilName)},
		"forget":     {ok("--head", "second"+evil), ok(h.photos), refused(exitFailure, "none"+evilName)},
		"version":    {ok()},
		"help":       {ok(), ok("train"), refused(exitUsage, evilName)},
		"completion": {ok()},
	}
	for _, shell := range []string{"bash", "fish", "powershell", "zsh"} {
		runs["completion "+shell] = []hauntedRun{ok()}
	}
	for _, file := range h.broken {
		runs["models inspect"] = append(runs["models inspect"], refused(-1, file))
		runs["ingest"] = append(runs["ingest"], refused(-1, h.photos, "--model", file, "--store", h.made))
	}
	return runs
}

// run runs a command, and wants an output that is harmless: with --json also valid.
func (h *haunted) run(t *testing.T, want int, args ...string) {
	t.Helper()
	var out, errs bytes.Buffer
	if !slices.Contains(args, "--store") {
		args = append(args, "--store", h.store)
	}
	code := Main(args, Streams{In: strings.NewReader(evilName), Out: &out, Err: &errs})
	if want >= 0 && code != want {
		t.Errorf("%.300q: exit code %d, want %d: %s", args, code, want, errs.String())
	}
	for name, s := range map[string]string{"stdout": out.String(), "stderr": errs.String()} {
		err := quietly(s)
		if args[0] == "completion" || args[0] == "help" || slices.Contains(args, "--help") {
			err = quietly(strings.ReplaceAll(s, "\t", " ")) // the program's own words
		}
		if err != nil {
			t.Errorf("%.300q: %s: %v", args, name, err)
		}
	}
	if slices.Contains(args, "--json") && args[0] != "completion" && args[0] != "help" {
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("%.300q: no JSON: %q", args, line)
			}
		}
	}
}

// Nothing that files, stores and flags carry does anything to the terminal.
func TestNothingFromElsewhereReachesTheTerminal(t *testing.T) {
	h := haunt(t)
	all := h.runs()
	order := []string{"ingest", "train"} // what the others look at; and forget comes last
	eachRunnable(newRoot(&app{}), func(path string, _ *cobra.Command) {
		if len(all[path]) == 0 {
			t.Errorf("how is %s to be called? Give it an entry that shows all its strings", path)
		}
		if !slices.Contains(order, path) && path != "forget" {
			order = append(order, path)
		}
	})
	order = append(order, "forget")
	for _, path := range order {
		for _, r := range all[path] {
			words := append(strings.Fields(path), r.args...)
			if path != "forget" && path != "export" {
				h.run(t, r.code, append(slices.Clone(words), "--json")...)
			}
			h.run(t, r.code, words...)
		}
	}
}

// A flag of any command may be given anything, and an argument too.
func TestEvilFlags(t *testing.T) {
	h := haunt(t)
	h.run(t, exitSomeFailed, "ingest", h.photos, "--size", "64", "-q")
	h.run(t, exitOK, "train", "--steps", "20", "-q")
	eachRunnable(newRoot(&app{}), func(path string, c *cobra.Command) {
		words := strings.Fields(path)
		h.run(t, -1, append(slices.Clone(words), evilName)...)
		h.run(t, exitUsage, append(slices.Clone(words), "--"+evilName)...)
		check := func(f *pflag.Flag) {
			if f.Name == "help" || path == "demo" && f.Name == "store" || path == "bench" && f.Value.Type() != "float64" ||
				path == "predict" && f.Name == "watch" {
				return // they do their whole work before anything is wrong, or wait
			}
			for _, arg := range [][]string{nil, {h.photos}} {
				h.run(t, -1, slices.Concat(words, []string{"--" + f.Name + "=" + evilName}, arg)...)
			}
		}
		c.LocalFlags().VisitAll(check)
		c.InheritedFlags().VisitAll(check)
	})
	h.run(t, exitUsage, evilName)
}

// What is printed is harmless, and a text without such characters is left as it is.
func TestPrintable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~äé薔\x1b\x{9b}\x{202e}\x{2028}\n]*`),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		got := printable(s)
		if err := quietly(got); err != nil || strings.Contains(got, "\n") {
			t.Fatalf("%q became %q", s, got)
		}
		if quietly(s) == nil && !strings.Contains(s, "\n") && got != s && utf8.ValidString(s) {
			t.Fatalf("%q became %q", s, got)
		}
		line, err := marshal(s)
		var back string
		if err != nil || quietly(string(line)) != nil || json.Unmarshal(line, &back) != nil {
			t.Fatalf("%q became %q, %v", s, line, err)
		}
		if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r >= firstMark || r == utf8.RuneError }) && back != s {
			t.Fatalf("%q came back from JSON as %q", s, back)
		}
	})
}
