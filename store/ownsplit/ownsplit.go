package ownsplit

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"featstore/split"
	"featstore/store"
)

// A Want is a photo and the split that its owner wants it in.
type Want struct {
	Path   string // for people
	Line   int    // of the list that says so; 0 if none
	Digest split.Digest
	Split  split.Split
	Group  string // that the list gives it; empty for none
	Free   bool   // the list does not say the split: only with groups
}

func (w Want) String() string {
	if w.Line > 0 {
		return fmt.Sprintf("%s (%v, line %d)", w.Path, w.Split, w.Line)
	}
	return fmt.Sprintf("%s (%v)", w.Path, w.Split)
}

// A LeakError is identical bytes that are wanted in different splits.
type LeakError struct {
	Leaks [][]Want // each the photos with the same bytes, sorted by path
}

// mostLeaks is how many leaks an error's text names.
const mostLeaks = 10

func (e *LeakError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the same bytes in two splits (%d times)", len(e.Leaks))
	for i, l := range e.Leaks {
		if i == mostLeaks {
			fmt.Fprintf(&b, "; and %d more", len(e.Leaks)-mostLeaks)
			break
		}
		sep := ": "
		if i > 0 {
			sep = "; "
		}
		b.WriteString(sep + l[0].String())
		for _, w := range l[1:] {
			b.WriteString(" = " + w.String())
		}
	}
	return b.String()
}

// Check returns a LeakError if photos with the same bytes are wanted in different
// splits, by wants or by a folder in the store that is arranged by splits. The
// records of the folder except, if not 0, do not count: wants say what is in it now.
func Check(tx *store.Tx, wants []Want, except store.RootID) error {
	folders, err := arranged(tx, except)
	if err != nil {
		return err
	}
	groups := map[split.Digest][]Want{}
	for _, w := range wants {
		groups[w.Digest] = append(groups[w.Digest], w)
	}
	var leaks LeakError
	for d, group := range groups {
		if len(folders) > 0 {
			if group, err = withFolders(tx, d, group, folders); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(group, func(w Want) bool { return w.Split != group[0].Split }) {
			slices.SortStableFunc(group, func(a, b Want) int { return strings.Compare(a.Path, b.Path) })
			leaks.Leaks = append(leaks.Leaks, group)
		}
	}
	if len(leaks.Leaks) == 0 {
		return nil
	}
	slices.SortFunc(leaks.Leaks, func(a, b []Want) int { return strings.Compare(a[0].Path, b[0].Path) })
	return &leaks
}

// arranged returns the paths of the folders whose subfolders say the split.
func arranged(tx *store.Tx, except store.RootID) (map[store.RootID]string, error) {
	roots, err := tx.Roots()
	folders := map[store.RootID]string{}
	for _, r := range roots {
		if r.Layout == store.BySplit && r.ID != except {
			folders[r.ID] = r.Path
		}
	}
	return folders, err
}

// withFolders adds what such folders want of a digest.
func withFolders(tx *store.Tx, d split.Digest, group []Want, folders map[store.RootID]string) ([]Want, error) {
	at, _, err := tx.Locations(d)
	if err != nil {
		return nil, err
	}
	for _, l := range at {
		folder, ok := folders[l.Root]
		if !ok {
			continue
		}
		if s, _, ok := split.ByFolder(l.Path); ok {
			group = append(group, Want{Path: filepath.Join(folder, filepath.FromSlash(l.Path)), Digest: d, Split: s})
		}
	}
	return group, nil
}

// A Change counts what Set and Clear did, in contents: copies count once.
type Change struct {
	Fixed int `json:"fixed"` // splits set, or given back to the policy
	Moved int `json:"moved"` // contents in the store that are in another split now
}

// batch bounds one transaction.
const batch = 10000

// Set puts photos into the splits wanted, unless Check finds a leak. It works in
// transactions of some thousand photos; when it is interrupted between two, doing it
// again completes it. progress may be nil.
func Set(ctx context.Context, db *store.DB, wants []Want, except store.RootID, progress func(done, total int)) (Change, error) {
	var todo []Want
	var leak *LeakError
	err := db.View(func(tx *store.Tx) error {
		if err := Check(tx, wants, except); err != nil {
			return err
		}
		fixed, err := tx.FixedSplits()
		for _, w := range wants {
			if s, ok := fixed[w.Digest]; !ok || s != w.Split {
				fixed[w.Digest] = w.Split
				todo = append(todo, w)
			}
		}
		return err
	})
	if errors.As(err, &leak) {
		return Change{}, leak // without the store's name before it
	}
	if err != nil {
		return Change{}, err
	}
	slices.SortFunc(todo, func(a, b Want) int { return a.Digest.Compare(b.Digest) })
	return apply(ctx, db, len(todo), progress, func(tx *store.Tx, i int) (split.Digest, func() error) {
		w := todo[i]
		return w.Digest, func() error { return tx.SetSplit(w.Digest, w.Split) }
	})
}

// Clear gives all photos back to the policy. Folders that were arranged by splits, or whose
// list of labels says splits or groups, keep their labels, but their splits are no longer
// honoured; it returns their paths.
func Clear(ctx context.Context, db *store.DB, progress func(done, total int)) (c Change, released []string, err error) {
	var all []split.Digest
	err = db.Update(func(tx *store.Tx) error {
		fixed, err := tx.FixedSplits()
		if err != nil {
			return err
		}
		for d := range fixed {
			all = append(all, d)
		}
		roots, err := tx.Roots()
		for _, r := range roots {
			if err == nil && release(&r) {
				_, err = tx.PutRoot(r)
				released = append(released, r.Path)
			}
		}
		return err
	})
	if err != nil {
		return c, nil, err
	}
	slices.SortFunc(all, split.Digest.Compare)
	c, err = apply(ctx, db, len(all), progress, func(tx *store.Tx, i int) (split.Digest, func() error) {
		return all[i], func() error { return tx.ClearSplit(all[i]) }
	})
	return c, released, err
}

// release changes a folder so that it no longer says splits.
func release(r *store.Root) (changed bool) {
	if r.Layout == store.BySplit {
		r.Layout, changed = store.BesideSplit, true
	}
	if l := r.Labels; l != nil && (l.SplitColumn != "" || l.GroupColumn != "") {
		l.SplitColumn, l.GroupColumn, changed = "", "", true
	}
	return changed
}

// apply makes n changes, each of one digest, and counts those that move photos.
func apply(ctx context.Context, db *store.DB, n int, progress func(done, total int),
	nth func(*store.Tx, int) (split.Digest, func() error)) (c Change, err error) {
	for done := 0; done < n; {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		next, moved := min(done+batch, n), 0
		err := db.Update(func(tx *store.Tx) error {
			for i := done; i < next; i++ {
				d, change := nth(tx, i)
				m, err := moves(tx, d, change)
				if err != nil {
					return err
				}
				moved += m
			}
			return nil
		})
		if err != nil {
			return c, err
		}
		c.Fixed, c.Moved, done = c.Fixed+next-done, c.Moved+moved, next
		if progress != nil {
			progress(done, n)
		}
	}
	return c, nil
}

// moves makes a change, and returns 1 if photos in the store are in another split
// then, else 0.
func moves(tx *store.Tx, d split.Digest, change func() error) (int, error) {
	before, err := tx.Split(d)
	if err != nil {
		return 0, err
	}
	if err := change(); err != nil {
		return 0, err
	}
	after, err := tx.Split(d)
	if err != nil || after == before {
		return 0, err
	}
	labels, err := tx.Labels(d)
	return min(len(labels), 1), err
}
