package annotation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// A record is an object of JSON.
type record map[string]json.RawMessage

// lines reads records that follow one another, one a line or not.
func (l *list) lines() error {
	l.info.Format = FormatRecords
	d := json.NewDecoder(l.in)
	var r recordReader
	r.list = l
	for n := 1; ; n++ {
		l.rows.begin()
		var one record
		err := d.Decode(&one)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return l.badJSON(n, err)
		}
		if err := r.give(one, n); err != nil {
			return err
		}
	}
}

// array reads an array of records, or of Label Studio's tasks: the first one tells.
func (l *list) array() error {
	l.info.Format = FormatRecords
	d := json.NewDecoder(l.in)
	if _, err := d.Token(); err != nil {
		return l.badJSON(1, err)
	}
	records := recordReader{list: l}
	tasks := taskReader{list: l}
	for n := 1; d.More(); n++ {
		l.rows.begin()
		var one record
		if err := d.Decode(&one); err != nil {
			return l.badJSON(n, err)
		}
		if n == 1 && one["data"] != nil && (one["annotations"] != nil || one["completions"] != nil) {
			l.info.Format = FormatLabelStudio
		}
		err := error(nil)
		if l.info.Format == FormatLabelStudio {
			err = tasks.give(one, n)
		} else {
			err = records.give(one, n)
		}
		if err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return l.badJSON(l.info.Rows+1, err)
	}
	return nil
}

func (l *list) badJSON(n int, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: it ends within %s", ErrList, l.place(n))
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return fmt.Errorf("%w: %s: %w", ErrList, l.place(n), err)
	}
	return err
}

// A recordReader reads records of which each has the fields of the first, in any order.
type recordReader struct {
	*list
	fields []string // of the first record, sorted
	at     columns  // among fields
}

func (r *recordReader) give(one record, n int) error {
	if r.fields == nil {
		if err := r.begin(one); err != nil {
			return err
		}
	}
	row := Row{Line: n}
	var err error
	for _, f := range []struct {
		at   int
		cell *string
	}{{r.at.path, &row.Path}, {r.at.split, &row.Split}, {r.at.group, &row.Group}} {
		if f.at >= 0 && err == nil {
			*f.cell, err = scalar(one[r.fields[f.at]])
		}
	}
	var labels []string
	if err == nil {
		labels, err = several(one[r.fields[r.at.label]])
	}
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrList, r.place(n), err)
	}
	row.Path, row.Other = photoOf(row.Path)
	for _, row.Label = range labels {
		if err := r.list.give(row); err != nil {
			return err
		}
	}
	return nil
}

func (r *recordReader) begin(one record) (err error) {
	r.fields = slices.Sorted(maps.Keys(one))
	if r.at, err = findColumns(r.fields, r.opt); err != nil {
		return err
	}
	if err := r.at.complete(r.fields); err != nil {
		return err
	}
	r.reads(r.fields, r.at)
	if r.opt.SplitColumn == "" {
		r.info.SplitColumns = splitColumns(r.fields, r.at)
	}
	return nil
}

// scalar is the text of a string, a number or a truth value; empty for none.
func scalar(raw json.RawMessage) (string, error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", nil
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case raw[0] == '{' || raw[0] == '[':
		return "", fmt.Errorf("want a text or a number, not %.60s", raw)
	}
	return string(raw), nil
}

// several are the labels in a value: a scalar, a list of them, or Label Studio's
// {"choices": […]}. Without any it is one empty label.
func several(raw json.RawMessage) ([]string, error) {
	raw = bytes.TrimSpace(raw)
	if bytes.HasPrefix(raw, []byte("{")) {
		var choices struct {
			Choices json.RawMessage `json:"choices"`
		}
		if err := json.Unmarshal(raw, &choices); err != nil || choices.Choices == nil {
			return nil, fmt.Errorf("the label is an object: %.60s", raw)
		}
		raw = choices.Choices
	}
	if !bytes.HasPrefix(raw, []byte("[")) {
		s, err := scalar(raw)
		return []string{s}, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	labels := make([]string, len(list))
	for i := range list {
		var err error
		if labels[i], err = scalar(list[i]); err != nil {
			return nil, err
		}
	}
	if len(labels) == 0 {
		labels = []string{""}
	}
	return labels, nil
}
