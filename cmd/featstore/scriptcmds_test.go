package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	draw2d "image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store"
	"featstore/store/cutcache"
)

// scriptCommands are the commands that the stories need beyond testscript's own.
var scriptCommands = map[string]func(*testscript.TestScript, bool, []string){
	"draw":    draw,
	"flatten": flatten,
	"flowers": flowers,
	"zoo":     zooWrite,
	"patch":   patch,
	"clip":    clip,
	"exits":   exits,
	"json":    jsonFields,
	"lock":    lock,
	"hold":    hold,
	"holdcut": holdCut,
	"resplit": resplit,
	"flip":    flip,
	"age":     age,
	"plain":   plain,
}

// exits runs a command and wants an exit code: exits 2 featstore train --frob.
// Its output is there for stdout and stderr as after exec.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG]…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("run %q: %v", args[1:], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%q exited with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// jsonFields wants the last output to be JSON objects, one a line, and the last
// of them to have the fields named: json images failures. A field of a field is
// reached by dots, and name=value also wants a value, written as JSON.
func jsonFields(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! json")
	}
	var last map[string]any
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		last = nil
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			ts.Fatalf("not a JSON object: %v: %s", err, line)
		}
	}
	if last == nil {
		ts.Fatalf("no JSON object on standard output")
	}
	for _, field := range args {
		name, want, compare := strings.Cut(field, "=")
		value, ok := lookup(last, name)
		if !ok {
			ts.Fatalf("no field %q in %v", name, last)
		}
		got, err := json.Marshal(value)
		ts.Check(err)
		if compare && string(got) != want {
			ts.Fatalf("field %q is %s, want %s", name, got, want)
		}
	}
}

func lookup(object map[string]any, name string) (any, bool) {
	first, rest, more := strings.Cut(name, ".")
	value, ok := object[first]
	if !ok || !more {
		return value, ok
	}
	inner, ok := value.(map[string]any)
	if !ok {
		return nil, false
	}
	return lookup(inner, rest)
}

// draw draws pictures of five kinds of flower: draw FOLDER EACH [SEED].
func draw(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: draw FOLDER EACH [SEED]")
	}
	each, err := strconv.Atoi(args[1])
	ts.Check(err)
	seed := 1
	if len(args) == 3 {
		seed, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	ts.Check(drawn.Write(context.Background(), ts.MkAbs(args[0]), each, uint64(seed)))
}

// flatten moves the files in folders of a folder into one: flatten FROM TO.
func flatten(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flatten FROM TO")
	}
	files, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "*"))
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[1]), 0o777))
	for _, f := range files {
		ts.Check(os.Rename(f, filepath.Join(ts.MkAbs(args[1]), filepath.Base(f))))
	}
}

// plain writes a picture of one colour: plain FILE.png RED GREEN BLUE.
func plain(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: plain FILE.png RED GREEN BLUE")
	}
	var rgb [3]uint8
	for i := range rgb {
		v, err := strconv.ParseUint(args[1+i], 10, 8)
		ts.Check(err)
		rgb[i] = uint8(v)
	}
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48))
	draw2d.Draw(picture, picture.Bounds(), image.NewUniform(color.RGBA{rgb[0], rgb[1], rgb[2], 255}), image.Point{}, draw2d.Src)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(errors.Join(png.Encode(f, picture), f.Close()))
}

// lock changes a store until the script ends, as another process might.
func lock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lock STORE")
	}
	db, err := store.Open(ts.MkAbs(args[0]), store.Options{})
	ts.Check(err)
	begun, end, ended := make(chan bool), make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		db.Update(func(*store.Tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	ts.Defer(func() { close(end); <-ended; db.Close() })
}

// hold opens a store for writing until the script ends, and changes nothing.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold STORE")
	}
	db, err := store.Open(ts.MkAbs(args[0]), store.Options{})
	ts.Check(err)
	ts.Defer(func() { db.Close() })
}

// holdCut uses a cache of activations until the script ends.
func holdCut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: holdcut FILE")
	}
	c, err := cutcache.Open(ts.MkAbs(args[0]), cutcache.Options{Limit: 1 << 30})
	ts.Check(err)
	ts.Defer(func() { c.Close() })
}

// resplit changes the splits of a store, and is interrupted at once: resplit STORE SALT.
func resplit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: resplit STORE SALT")
	}
	db, err := store.Open(ts.MkAbs(args[0]), store.Options{})
	ts.Check(err)
	defer db.Close()
	policy := db.Policy()
	policy.Salt = args[1]
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := db.Resplit(ctx, policy, nil); !errors.Is(err, context.Canceled) {
		ts.Fatalf("changing splits was not interrupted: %v", err)
	}
}

// flip flips the lowest bit of a byte of a file: flip FILE OFFSET.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := []byte(ts.ReadFile(args[0]))
	data[at] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o666))
}

// age gives files a time of change of their own: age 2020-01-02 FILE….
func age(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: age DATE FILE…")
	}
	date, err := time.Parse(time.DateOnly, args[0])
	ts.Check(err)
	for _, name := range args[1:] {
		ts.Check(os.Chtimes(ts.MkAbs(name), date, date))
	}
}

// flowers links to real photos of ../shared: flowers FOLDER EACH.
func flowers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flowers FOLDER EACH")
	}
	each, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(linkPhotos(filepath.Join(ts.Getenv("SHARED"), "flower_photos"), ts.MkAbs(args[0]), each))
}

// zooWrite writes a small network with random weights: zoo resnet50-dynamo net.onnx.
func zooWrite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: zoo NETWORK FILE")
	}
	ts.Check(writeZoo(args[0], ts.MkAbs(args[1])))
}

// writeZoo writes a small network of the zoo, which only packages of extract may import.
func writeZoo(network, path string) error {
	cmd := exec.Command("go", "run", "./extract/internal/zoo/cmd/zoo-write", "-small", network, path)
	cmd.Dir = repository
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("write network %s: %w\n%s", network, err, out)
	}
	return nil
}

// patch replaces a word in a file by another of the same length, everywhere: patch
// net.onnx Relu Rulu.
func patch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || len(args[1]) != len(args[2]) {
		ts.Fatalf("usage: patch FILE OLD NEW")
	}
	data := []byte(ts.ReadFile(args[0]))
	if !bytes.Contains(data, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.ReplaceAll(data, []byte(args[1]), []byte(args[2])), 0o666))
}

// clip cuts a file to some number of bytes: clip FILE 100.
func clip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: clip FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
}
