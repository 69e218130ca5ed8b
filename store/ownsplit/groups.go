package ownsplit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"featstore/split"
	"featstore/store"
)

// A Group is photos that belong into one split: of one burst, patient or place.
type Group struct {
	Digests []split.Digest // each once, and in no other group
	Wanted  bool           // whether the owner says which split
	Split   split.Split    // the one wanted; SetGroups writes the one chosen here
}

// A Grouping says what SetGroups did.
type Grouping struct {
	Groups   int `json:"groups"`   // of two photos or more
	Photos   int `json:"photos"`   // in them
	Largest  int `json:"largest"`  // photos in the largest
	Straddle int `json:"straddle"` // groups that were in several splits before
	Divided  int `json:"divided"`  // groups that still are, as folders named after splits say so
	Change

	DividedPaths []string `json:"divided_paths"` // a photo of each of the first of them
}

// SetGroups puts each group into one split, which then holds for its photos whatever the
// policy. A group goes where its owner wants it; else it stays where it is, if that is one
// split; else it goes where most of its photos were set by hand; else to where the policy's
// shares of its labels want it most. Photos in folders that are arranged by splits stay
// where these say, and the rest of their group joins them. Photos alone in their group are
// left alone, unless their split is wanted.
//
// It works in transactions of some thousand photos, of whole groups; when it is
// interrupted between two, doing it again completes it with the same result.
func SetGroups(ctx context.Context, db *store.DB, groups []Group, progress func(done, total int)) (Grouping, error) {
	p := &groupPlan{groups: groups}
	err := db.View(func(tx *store.Tx) error { return p.make(tx) })
	if err != nil {
		return p.Grouping, err
	}
	for done, at := 0, 0; at < len(p.todo); {
		if err := ctx.Err(); err != nil {
			return p.Grouping, err
		}
		from, before := at, done
		for at < len(p.todo) && (at == from || done-before+len(p.todo[at]) <= batch) {
			done += len(p.todo[at])
			at++
		}
		step := Change{}
		err := db.Update(func(tx *store.Tx) error {
			step = Change{}
			for _, wants := range p.todo[from:at] {
				for _, w := range wants {
					moved, err := moves(tx, w.Digest, func() error { return tx.SetSplit(w.Digest, w.Split) })
					if err != nil {
						return err
					}
					step.Fixed, step.Moved = step.Fixed+1, step.Moved+moved
				}
			}
			return nil
		})
		if err != nil {
			return p.Grouping, err
		}
		p.Fixed, p.Moved = p.Fixed+step.Fixed, p.Moved+step.Moved
		if progress != nil {
			progress(done, p.photos)
		}
	}
	return p.Grouping, nil
}

// A groupPlan decides where groups go.
type groupPlan struct {
	Grouping
	groups []Group
	todo   [][]Want // of each group that changes something
	photos int      // in todo

	fixed   map[split.Digest]split.Split
	folders map[store.RootID]string
	labels  map[string]int
	placed  [][3]int // images that are placed, by label
}

// A member is a photo of a group and what is known of it.
type member struct {
	now    split.Split
	label  int   // −1: not in the store, or in dispute
	anchor *Want // what a folder arranged by splits says
}

func (p *groupPlan) make(tx *store.Tx) error {
	stats, err := tx.Stats()
	if err != nil {
		return err
	}
	if stats.Pending != nil {
		return &store.ResplittingError{Policy: *stats.Pending}
	}
	if p.fixed, err = tx.FixedSplits(); err != nil {
		return err
	}
	if p.folders, err = arranged(tx, 0); err != nil {
		return err
	}
	p.labels = map[string]int{}
	for i, l := range stats.Labels {
		p.labels[l.Label] = i
		p.placed = append(p.placed, l.Splits)
	}
	members := make([][]member, len(p.groups))
	for i := range p.groups {
		if members[i], err = p.look(tx, p.groups[i].Digests); err != nil {
			return err
		}
	}
	p.DividedPaths = []string{}
	p.choose(stats.Policy, members)
	for i := range p.groups {
		p.plan(p.groups[i], members[i])
	}
	slices.SortStableFunc(p.todo, func(a, b []Want) int { return cmp.Compare(len(b), len(a)) })
	return nil
}

// look finds out about the photos of a group.
func (p *groupPlan) look(tx *store.Tx, digests []split.Digest) ([]member, error) {
	members := make([]member, len(digests))
	for i, d := range digests {
		now, err := tx.Split(d)
		if err != nil {
			return nil, err
		}
		members[i] = member{now: now, label: -1}
		labels, err := tx.Labels(d)
		if err != nil {
			return nil, err
		}
		if len(labels) == 1 {
			members[i].label = p.labels[labels[0]]
		}
		wants, err := withFolders(tx, d, nil, p.folders)
		if err != nil {
			return nil, err
		}
		if len(wants) > 0 {
			members[i].anchor = &wants[0]
		}
	}
	return members, nil
}

// choose writes the split of each group. Those that nothing ties to a split are dealt out
// when all others have theirs.
func (p *groupPlan) choose(policy split.Policy, members [][]member) {
	var free []int
	var counts [][]int
	for i := range p.groups {
		g := &p.groups[i]
		if tied := p.tied(g, members[i]); tied {
			continue
		}
		own := make([]int, len(p.placed))
		for _, m := range members[i] {
			if m.label >= 0 {
				own[m.label]++
				p.placed[m.label][m.now]--
			}
		}
		free, counts = append(free, i), append(counts, own)
	}
	for k, s := range policy.AssignGroups(counts, p.placed) {
		p.groups[free[k]].Split = s
	}
}

// tied writes the split of a group that something ties to one.
func (p *groupPlan) tied(g *Group, members []member) bool {
	var anchored, fixed, now [len(split.All)]int
	for i, m := range members {
		now[m.now]++
		if m.anchor != nil {
			anchored[m.anchor.Split]++
		}
		if s, ok := p.fixed[g.Digests[i]]; ok {
			fixed[s]++
		}
	}
	switch {
	case g.Wanted:
	case anchored != [len(split.All)]int{}:
		g.Split = mostOf(anchored)
	case now[mostOf(now)] == len(members):
		g.Split = mostOf(now)
	case fixed != [len(split.All)]int{}:
		g.Split = mostOf(fixed)
	default:
		return false
	}
	return true
}

// mostOf returns the split that has most, the first of equals.
func mostOf(counts [len(split.All)]int) split.Split {
	best := split.Training
	for _, s := range split.All {
		if counts[s] > counts[best] {
			best = s
		}
	}
	return best
}

// plan counts a group and lists what it changes.
func (p *groupPlan) plan(g Group, members []member) {
	n := len(members)
	if n > 1 {
		p.Groups, p.Photos, p.Largest = p.Groups+1, p.Photos+n, max(p.Largest, n)
		if slices.ContainsFunc(members, func(m member) bool { return m.now != members[0].now }) {
			p.Straddle++
		}
	}
	if n < 2 && !g.Wanted {
		return
	}
	divided := ""
	var todo []Want
	for i, m := range members {
		if m.anchor != nil && m.anchor.Split != g.Split {
			divided = m.anchor.Path
			continue
		}
		if s, ok := p.fixed[g.Digests[i]]; !ok || s != g.Split {
			todo = append(todo, Want{Digest: g.Digests[i], Split: g.Split})
		}
	}
	if divided != "" {
		if p.Divided++; p.Divided <= mostPaths {
			p.DividedPaths = append(p.DividedPaths, divided)
		}
	}
	if len(todo) > 0 {
		p.todo = append(p.todo, todo)
		p.photos += len(todo)
	}
}

// ErrTwoSplits: a list wants photos of one group in different splits.
var ErrTwoSplits = errors.New("is wanted in two splits")

// GroupWants makes groups of the photos that a list names, by the names of their groups.
// Copies of one photo join their groups. A photo without a group's name is on its own.
// Where the list says the splits of some photos, they are those of their groups; two in one
// group are ErrTwoSplits.
func GroupWants(wants []Want) ([]Group, error) {
	byName, byDigest := map[string]int{}, map[split.Digest]int{}
	parent := make([]int, len(wants)) // of a want, towards the first of its group
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	for i, w := range wants {
		parent[i] = i
		join := func(j int) { a, b := find(i), find(j); parent[max(a, b)] = min(a, b) }
		if j, ok := byDigest[w.Digest]; ok {
			join(j)
		}
		byDigest[w.Digest] = i
		if w.Group == "" {
			continue
		}
		if j, ok := byName[w.Group]; ok {
			join(j)
		}
		byName[w.Group] = i
	}
	var groups []Group
	var said []Want // the first of each group that says a split
	at, seen := map[int]int{}, map[split.Digest]bool{}
	for i, w := range wants {
		root := find(i)
		k, ok := at[root]
		if !ok {
			k = len(groups)
			at[root] = k
			groups, said = append(groups, Group{}), append(said, Want{})
		}
		g := &groups[k]
		if !seen[w.Digest] {
			seen[w.Digest] = true
			g.Digests = append(g.Digests, w.Digest)
		}
		switch {
		case w.Free:
		case !g.Wanted:
			g.Wanted, g.Split, said[k] = true, w.Split, w
		case g.Split != w.Split:
			return nil, fmt.Errorf("group %s %w: %v and %v", nameOf(w, said[k]), ErrTwoSplits, said[k], w)
		}
	}
	return groups, nil
}

// nameOf is the name of the group of two photos, as far as they have one.
func nameOf(a, b Want) string {
	names := []string{a.Group, b.Group}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
	for i, n := range names {
		names[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(names, " and ")
}
