package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store"
	"featstore/store/storetest"
	"featstore/train"
)

// runs runs a command to its end and returns what it prints.
func runs(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	var out, said bytes.Buffer
	if code := Main(args, Streams{In: strings.NewReader(""), Out: &out, Err: &said}); code != 0 {
		t.Fatalf("%q: exit code %d, %s", args, code, said.String())
	}
	return out.String()
}

// drawnStore makes a store of some drawn photos, at 64×64 pixels.
func drawnStore(t *testing.T, each int) (path string) {
	t.Helper()
	dir := storetest.Dir(t)
	if err := drawn.Write(t.Context(), filepath.Join(dir, "photos"), each, 1); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "features.db")
	runs(t, "ingest", filepath.Join(dir, "photos"), "--size", "64", "--store", path)
	return path
}

// whenWritten calls a function once a text is written.
type whenWritten struct {
	io.Writer
	text string
	do   func()
}

func (w whenWritten) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.text) {
		w.do()
	}
	return w.Writer.Write(b)
}

// tunedModels returns the tuned networks of a store that is in order, and whether the
// head "finetuned" and its checkpoint are there.
func tunedModels(t *testing.T, path string) (tuned []store.Model, head, checkpoint bool) {
	t.Helper()
	storetest.CheckFile(t, path)
	db, err := store.Open(path, store.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *store.Tx) error {
		models, err := tx.Models()
		for _, m := range models {
			if m.Tuned != nil {
				tuned = append(tuned, m)
			}
		}
		_, noHead := tx.Head(tunedHead)
		_, noCheckpoint := tx.Checkpoint(tunedHead)
		head, checkpoint = noHead == nil, noCheckpoint == nil
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tuned, head, checkpoint
}

// A run that ends between writing the network and saving its head leaves a network that is
// known as unfinished: --resume finishes it, and a new run removes it.
func TestEndsBetweenNetworkAndHead(t *testing.T) {
	path := drawnStore(t, 5)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := whenWritten{io.Discard, "Epoch 1 of 1", cancel}
	a := &app{Streams: Streams{Out: out, Err: io.Discard}, ctx: ctx, store: path}
	f := finetuning{cfg: train.DefaultTuneConfig(), head: tunedHead, from: "block14.add"}
	f.cfg.Epochs = 1
	err := a.withStore(store.Options{}, func(db *store.DB) error { return a.finetune(ctx, db, f) })
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	tuned, head, checkpoint := tunedModels(t, path)
	if len(tuned) != 1 || tuned[0].Tuned.Unfinished != tunedHead || head || !checkpoint {
		t.Fatalf("interrupted, it left %+v, head %v, checkpoint %v", tuned, head, checkpoint)
	}
	if said := runs(t, "stats", "--store", path); !strings.Contains(said,
		"is of an interrupted finetune: featstore finetune --resume --store "+path+" finishes it") {
		t.Error(said)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		same bool
	}{
		{[]string{"finetune", "--resume"}, true},
		{[]string{"finetune", "--from", "block14.add", "--epochs", "1"}, true},
		{[]string{"finetune", "--from", "block14.add", "--epochs", "1", "--seed", "2"}, false},
	} {
		path := filepath.Join(storetest.Dir(t), "features.db")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		runs(t, append(c.args, "--store", path)...)
		after, head, checkpoint := tunedModels(t, path)
		if len(after) != 1 || after[0].Tuned.Unfinished != "" || (after[0].ID == tuned[0].ID) != c.same || !head || checkpoint {
			t.Errorf("%q: %+v, head %v, checkpoint %v", c.args, after, head, checkpoint)
		}
		if said := runs(t, "stats", "--store", path); strings.Contains(said, "interrupted") {
			t.Errorf("%q: %s", c.args, said)
		}
	}
}
