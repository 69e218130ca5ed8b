package annotation

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// A taskReader reads the tasks of Label Studio's JSON export: what is chosen for a photo
// are its labels. A project may ask several questions about it; then
// Options.LabelColumn says which one is meant.
type taskReader struct {
	*list
	question string // the one that was read first
}

// A result is one answer of an annotation.
type result struct {
	Type     string `json:"type"`
	FromName string `json:"from_name"` // the question
	Value    struct {
		Choices json.RawMessage `json:"choices"`
	} `json:"value"`
}

type completion struct {
	Result    []result `json:"result"`
	Cancelled bool     `json:"was_cancelled"`
}

func (t *taskReader) give(one record, n int) error {
	row := Row{Line: n}
	var data record
	if err := json.Unmarshal(one["data"], &data); err != nil {
		return fmt.Errorf("%w: %s has no data: %w", ErrList, t.place(n), err)
	}
	field, err := t.pathField(data, n)
	if err != nil {
		return err
	}
	written, err := scalar(data[field])
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrList, t.place(n), err)
	}
	t.info.PathColumn = field
	row.Path, row.Other = photoOf(written)
	labels, err := t.chosen(one, n)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		asked string
		cell  *string
		name  *string
	}{{t.opt.SplitColumn, &row.Split, &t.info.SplitColumn}, {t.opt.GroupColumn, &row.Group, &t.info.GroupColumn}} {
		if f.asked == "" {
			continue
		}
		*f.name = f.asked
		if *f.cell, err = scalar(data[f.asked]); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrList, t.place(n), err)
		}
	}
	for _, row.Label = range labels {
		if err := t.list.give(row); err != nil {
			return err
		}
	}
	return nil
}

// pathField is the field of a task's data that has the photo.
func (t *taskReader) pathField(data record, n int) (string, error) {
	fields := slices.Sorted(maps.Keys(data))
	if t.opt.PathColumn != "" {
		if data[t.opt.PathColumn] == nil {
			return "", &ColumnError{PathColumn, t.opt.PathColumn, fields}
		}
		return t.opt.PathColumn, nil
	}
	if at := guess(fields, append([]string{"image", "img", "photo", "picture"}, pathNames...)); at >= 0 {
		return fields[at], nil
	}
	for _, f := range fields {
		if s, err := scalar(data[f]); err == nil && likePicture(s) {
			return f, nil
		}
	}
	return "", fmt.Errorf("%s: %w", t.place(n), &ColumnError{Lacks: PathColumn, Columns: fields})
}

// chosen returns the labels that annotators chose for a task's photo, one that is empty if
// none did.
func (t *taskReader) chosen(one record, n int) ([]string, error) {
	raw := one["annotations"]
	if raw == nil {
		raw = one["completions"] // in old versions
	}
	var all []completion
	if raw != nil {
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrList, t.place(n), err)
		}
	}
	var labels []string
	for _, c := range all {
		if c.Cancelled {
			continue
		}
		for _, r := range c.Result {
			if r.Type != "choices" && r.Value.Choices == nil || t.opt.LabelColumn != "" && r.FromName != t.opt.LabelColumn {
				continue
			}
			if t.question == "" {
				t.question, t.info.LabelColumn = r.FromName, r.FromName
			} else if t.question != r.FromName {
				return nil, &ColumnError{Lacks: LabelColumn, Columns: []string{t.question, r.FromName}}
			}
			more, err := several(r.Value.Choices)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrList, t.place(n), err)
			}
			labels = append(labels, more...)
		}
	}
	if len(labels) == 0 {
		labels = []string{""}
	}
	return labels, nil
}

// uploaded is the beginning that Label Studio gives to the names of uploaded files.
var uploaded = regexp.MustCompile(`^[0-9a-f]{6,8}-.`)

// photoOf returns the path that an address of a photo means: of a file on the disk, in a
// bucket, or uploaded. other is what an uploaded file was called before, else empty.
func photoOf(address string) (name, other string) {
	name = strings.TrimSpace(address)
	if u, err := url.Parse(name); err == nil {
		switch {
		case u.Scheme == "" && u.Query().Get("d") != "": // /data/local-files/?d=roses/1.jpg
			name = u.Query().Get("d")
		case len(u.Scheme) > 1: // s3://bucket/roses/1.jpg, not C:\roses\1.jpg
			name = strings.TrimPrefix(u.Path, "/")
		}
	}
	if strings.HasPrefix(name, "/data/upload/") {
		name = path.Base(name)
	}
	base := path.Base(name)
	if loc := uploaded.FindStringIndex(base); loc != nil {
		other = path.Join(path.Dir(name), base[loc[1]-1:])
	}
	return name, other
}
