package cli

import (
	"bytes"
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"featstore/cmd/featstore/internal/drawn"
	"featstore/store"
	"featstore/store/storetest"
)

// completions are the words that a shell is given, without what they are.
func completions(t *testing.T, args ...string) []string {
	t.Helper()
	var out, errs bytes.Buffer
	Main(append([]string{"__complete"}, args...), Streams{Out: &out, Err: &errs})
	var words []string
	for line := range strings.Lines(out.String()) {
		word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !strings.HasPrefix(word, ":") {
			words = append(words, word)
		}
	}
	return words
}

func TestCompletion(t *testing.T) {
	t.Chdir(storetest.Dir(t))
	if err := drawn.Write(context.Background(), "photos", 6, 1); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"ingest", "photos", "--size", "32"}, {"train", "--steps", "20"}, {"train", "--head", "lda", "--name", "second"},
		{"train", "--head", "lda", "--name", "bad\x1bname"},
	} {
		var errs bytes.Buffer
		if code := Main(append(args, "-q", "--store", "other.db"), Streams{Out: &errs, Err: &errs}); code != 0 {
			t.Fatalf("%q: %s", args, errs.String())
		}
	}
	if err := os.WriteFile("list.csv", []byte("id,what,label\n1,2,3\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		args []string
		want string // all that is offered, or some of it with … behind
	}{
		{[]string{"predict", "--store", "other.db", "--head", ""}, "default second"},
		{[]string{"predict", "--store=other.db", "--head=s"}, "second"},
		{[]string{"evaluate", "--store", "other.db", "--head", "default,"}, "default,second"},
		{[]string{"forget", "--store", "other.db", "--head", "d"}, "default"},
		{[]string{"train", "--store", "other.db", "--name", "sec"}, "second"},
		{[]string{"train", "--head", "l"}, "logistic lda"},
		{[]string{"train", "--store", "other.db", "--model", ""}, "efficientnet-lite0"},
		{[]string{"models", "remove", "--store", "other.db", "eff"}, "efficientnet-lite0"},
		{[]string{"models", "remove", "--store", "other.db", "x", ""}, ""},
		{[]string{"ingest", "--preprocess", "imag"}, "imagenet"},
		{[]string{"export", "--format", ""}, "npy csv parquet onnx"},
		{[]string{"export", "--split", "training,t"}, "training,testing"},
		{[]string{"stats", ""}, ""},
		{[]string{"ingest", "photos", "--labels", "list.csv", "--label-column", ""}, "id what label"},
		{[]string{"ingest", "photos", "--labels", "list.csv", "--path-column", "i"}, "id"},
		{[]string{"ingest", "photos", "--labels", "none.csv", "--path-column", ""}, ""},
		{[]string{"ingest", "photos", "--labels", "photos", "--split-column", ""}, ""},
		{[]string{"ingest", "--path-column", ""}, ""},
		{[]string{"predict", "--head", ""}, ""}, // there is no such store
		{[]string{"predict", "--store", "photos", "--head", ""}, ""},
	}
	for _, c := range cases {
		if got := strings.Join(completions(t, c.args...), " "); got != c.want {
			t.Errorf("%q: offered %q, want %q", c.args, got, c.want)
		}
	}
	if got := completions(t, "forget", "--store", "other.db", ""); len(got) != 1 || !strings.HasSuffix(got[0], "photos") {
		t.Errorf("folders: %q", got)
	}
	// A store that is in use is not waited for; nor is one that is none.
	db, err := store.Open("other.db", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := os.WriteFile("damaged.db", []byte("no store"), 0o666); err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(*store.Tx) error {
		for _, at := range []string{"other.db", "damaged.db"} {
			if got := completions(t, "predict", "--store", at, "--head", ""); len(got) != 0 {
				t.Errorf("%s: offered %q", at, got)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Every flag that takes a word has completions, or is known to take what nobody can know.
func TestEveryFlagIsCompleted(t *testing.T) {
	unknown := []string{"store", "unknown", "group-column", "size", "tap", "salt", "output", "split-file", "file", "photos", "dir"}
	eachRunnable(newRoot(&app{}), func(path string, c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if !strings.HasPrefix(f.Value.Type(), "string") || slices.Contains(unknown, f.Name) || slices.Contains(fileFlags, path+" --"+f.Name) {
				return
			}
			if _, ok := c.GetFlagCompletionFunc(f.Name); !ok {
				t.Errorf("%s --%s: give it an entry in flagChoices", path, f.Name)
			}
		})
	})
}
