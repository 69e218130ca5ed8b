package store

import (
	"context"
	"errors"
	"fmt"
)

// A Report is the result of a check.
type Report struct {
	Problems []string `json:"problems"`      // what is wrong, in words; empty if nothing
	More     int      `json:"more_problems"` // problems beyond the first maxProblems
	Images   int      `json:"images"`        // checked
	Vectors  int      `json:"vectors"`       // checked
	Views    int      `json:"views"`         // checked: further vectors, of views
	Finished bool     `json:"finished"`      // false if damage kept parts from being checked
}

// maxProblems bounds the list of problems of a damaged store.
const maxProblems = 200

// OK tells whether the whole store was checked and nothing is wrong.
func (r *Report) OK() bool { return r.Finished && len(r.Problems) == 0 }

func (r *Report) add(format string, args ...any) {
	if len(r.Problems) >= maxProblems {
		r.More++
		return
	}
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Check reads the whole store and reports all that is wrong: pages, records,
// checksums of vectors, each vector's place, counts, and references in both
// directions. The error is of the check itself, such as ctx's; problems found are
// no error. A check is of one state, so it lets no writer in until it is done.
// progress, if not nil, is called now and then with what is done of the
// total, in arbitrary units.
func (db *DB) Check(ctx context.Context, progress func(done, total int64)) (r Report, err error) {
	defer guard(panicOnFault(), &err)
	if err := db.usable(); err != nil {
		return r, db.wrap(err)
	}
	c := &checker{ctx: ctx, report: &r, progress: progress}
	err = db.View(func(tx *Tx) error {
		c.tx = tx
		return c.run()
	})
	return r, err
}

// CheckFile is Check for a store that is not open. That it cannot be opened because
// it is damaged is a problem reported, not an error.
func CheckFile(ctx context.Context, path string, progress func(done, total int64)) (Report, error) {
	db, err := Open(path, Options{ReadOnly: true, Context: ctx})
	if errors.Is(err, ErrCorrupt) {
		return Report{Problems: []string{err.Error()}}, nil
	}
	if err != nil {
		return Report{}, err
	}
	r, err := db.Check(ctx, progress)
	return r, errors.Join(err, db.Close())
}
