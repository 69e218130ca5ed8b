package split

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSpelling(t *testing.T) {
	for name, want := range map[string]Split{
		"train": Training, "Training": Training, " TRAIN ": Training,
		"val": Validation, "valid": Validation, "validation": Validation,
		"test": Testing, "Testing": Testing,
	} {
		if s, ok := Spelling(name); !ok || s != want {
			t.Errorf("%q means %v, %v", name, s, ok)
		}
	}
	for _, name := range []string{"", "trains", "tests", "0", "daisy", "train val"} {
		if s, ok := Spelling(name); ok {
			t.Errorf("%q means %v", name, s)
		}
	}
}

func TestByFolder(t *testing.T) {
	for path, want := range map[string]string{
		"train/roses/1.jpg":      "training roses",
		"roses/VAL/1.jpg":        "validation roses",
		"test/roses/x/y/1.jpg":   "testing roses",
		"roses/test/x/1.jpg":     "testing roses",
		"train/test/1.jpg":       "training test",
		"train/1.jpg":            "",
		"roses/1.jpg":            "",
		"roses/red/train/1.jpg":  "",
		"roses/train.jpg":        "",
		"1.jpg":                  "",
		"":                       "",
		"training set/roses/1.x": "",
	} {
		got := ""
		if s, label, ok := ByFolder(path); ok {
			got = s.String() + " " + label
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

func TestReadList(t *testing.T) {
	for _, c := range []struct{ name, text, want, err string }{
		{"plain", "a/1.jpg,train\na/2.jpg,test\n", "1 a/1.jpg training, 2 a/2.jpg testing", ""},
		{"header, other columns, other order", "label,Split,n,Path\nrose,val,3,a/1.jpg\n", "2 a/1.jpg validation", ""},
		{"the first name wins", "image,path,split\nx,a/1.jpg,val\n", "2 a/1.jpg validation", ""},
		{"semicolons", "file;set\na,b.jpg;Training\n", "2 a,b.jpg training", ""},
		{"tabs", "a \"1\".jpg\ttest\n", `1 a "1".jpg testing`, ""},
		{"quotes and line ends", "\ufeff\"a,\n1.jpg\",train\r\nb.jpg,test", "1 a,\n1.jpg training, 3 b.jpg testing", ""},
		{"empty lines", "\na.jpg,train\n\n", "2 a.jpg training", ""},
		{"nothing", "", "", "it has no lines"},
		{"a header alone", "path,split\n", "", "it has no lines"},
		{"one column", "a.jpg\n", "", "line 1 has no split"},
		{"unknown split", "path,split\na.jpg,train\nb.jpg,rest\n", "", `line 3: unknown split "rest"`},
		{"no path", "path,split\n ,train\n", "", "line 2 has no path"},
		{"half a header", "path,what\na.jpg,train\n", "", `line 1: unknown split "what"`},
		{"torn quotes", "\"a.jpg,train\n", "", "quote"},
	} {
		t.Run(c.name, func(t *testing.T) {
			entries, err := ReadList(strings.NewReader(c.text))
			if c.err != "" {
				if !errors.Is(err, ErrList) || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got %v, %v", entries, err)
				}
				return
			}
			if got := describe(entries); err != nil || got != c.want {
				t.Errorf("got %q, want %q (%v)", got, c.want, err)
			}
		})
	}
}

func describe(entries []Entry) string {
	var b strings.Builder
	for i, e := range entries {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(string(rune('0'+e.Line)) + " " + e.Path + " " + e.Split.String())
	}
	return b.String()
}

// What is written as CSV is read as it was.
func TestReadListProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Write([]string{"path", "split"})
		var want []Entry
		for range rapid.IntRange(1, 20).Draw(t, "n") {
			path := strings.TrimSpace(strings.ReplaceAll(rapid.String().Draw(t, "path"), "\r", ""))
			if path == "" {
				path = "x"
			}
			s := rapid.SampledFrom(All[:]).Draw(t, "split")
			w.Write([]string{path, s.String()})
			want = append(want, Entry{Path: path, Split: s})
		}
		w.Flush()
		got, err := ReadList(&text)
		if err != nil || len(got) != len(want) {
			t.Fatal(got, err)
		}
		for i, e := range got {
			if e.Path != want[i].Path || e.Split != want[i].Split {
				t.Fatalf("got %+v, want %+v", e, want[i])
			}
		}
	})
}

func FuzzReadList(f *testing.F) {
	for _, s := range []string{"a,train\n", "path;split\na;test", "\ufeffpath\tset\n", "\"", ",\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ReadList(bytes.NewReader(data))
		if (err == nil) != (len(entries) > 0) {
			t.Fatal(entries, err)
		}
		for _, e := range entries {
			if e.Path == "" || e.Line < 1 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

// What is no list is not read to its end, and what it says does not come back whole in
// an error.
func TestReadListReadsLittle(t *testing.T) {
	for name, c := range map[string]struct{ start, again, want string }{
		"one line":          {"path,split\n", "x", "a line of more than"},
		"zeros":             {"path,split\na,train\n", "\x00", "a line of more than"},
		"a quote":           {"path,split\n\"", "\n", "a line of more than"},
		"no header":         {"", "x", "a line of more than"},
		"lines for ever":    {"path,split\n", strings.Repeat("x", mostPath) + ",train\n", "more than 4"},
		"a very long path":  {strings.Repeat("x", mostPath+1) + ",train\n", "", "a path of 65537 bytes"},
		"a very long split": {"a," + strings.Repeat("x", mostPath) + "\n", "", "unknown split"},
	} {
		r := &endless{rest: c.start, again: c.again}
		_, err := ReadList(r)
		if !errors.Is(err, ErrList) || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 300 {
			t.Errorf("%s: %.400v", name, err)
		}
		if r.read > mostPaths+2*mostLine {
			t.Errorf("%s: %d bytes were read", name, r.read)
		}
	}
}

// endless reads a start, then the same again and again.
type endless struct {
	rest, again string
	read        int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.rest == "" {
		e.rest = strings.Repeat(e.again, 1+4096/(len(e.again)+1))
	}
	if e.rest == "" {
		return 0, io.EOF
	}
	n := copy(p, e.rest)
	e.rest, e.read = e.rest[n:], e.read+n
	return n, nil
}

func TestReadGroups(t *testing.T) {
	for _, c := range []struct{ name, text, want, err string }{
		{"alone", "path,patient\na.jpg,7\nb.jpg,\n", "2 a.jpg 7 -, 3 b.jpg  -", ""},
		{"with splits", "Patient;split;file\n7;test;a.jpg\n7;;b.jpg\n", "2 a.jpg 7 testing, 3 b.jpg 7 -", ""},
		{"a column called split has the groups", "path,split\na.jpg,7\n", "", "no column"},
		{"no header", "a.jpg,7\n", "", `no column "patient"`},
		{"no path", "photo,patient\na.jpg,7\n", "", "no column for the path"},
		{"short line", "path,patient\na.jpg\n", "", "line 2 has no group"},
		{"unknown split", "path,patient,split\na.jpg,7,rest\n", "", `unknown split "rest"`},
	} {
		entries, err := ReadGroups(strings.NewReader(c.text), "patient")
		if c.err != "" {
			if !errors.Is(err, ErrList) || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %v, %v", c.name, entries, err)
			}
			continue
		}
		var got []string
		for _, e := range entries {
			s := e.Split.String()
			if e.NoSplit {
				s = "-"
			}
			got = append(got, string(rune('0'+e.Line))+" "+e.Path+" "+e.Group+" "+s)
		}
		if text := strings.Join(got, ", "); err != nil || text != c.want {
			t.Errorf("%s: got %q, want %q (%v)", c.name, text, c.want, err)
		}
	}
	if _, err := ReadGroups(strings.NewReader("path,x\n"), " "); !errors.Is(err, ErrList) {
		t.Error(err)
	}
}
