package ingest

import (
	"path"
	"slices"
	"sync"

	"featstore/split"
	"featstore/store"
)

// goneFiles are the recorded images whose files are no longer there. Each can
// explain one new path with the same bytes: the file was renamed.
type goneFiles struct {
	mu      sync.Mutex
	digests map[split.Digest][]store.ImageEntry
}

func (g *goneFiles) add(e store.ImageEntry) {
	if g.digests == nil {
		g.digests = map[split.Digest][]store.ImageEntry{}
	}
	g.digests[e.Digest] = append(g.digests[e.Digest], e)
}

// take returns a gone image with the digest, only once: preferably one with the same
// file name, then one with the same label.
func (g *goneFiles) take(d split.Digest, f file) (store.ImageEntry, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.digests[d]
	if len(list) == 0 {
		return store.ImageEntry{}, false
	}
	best := 0
	for i := range list {
		if likeness(list[i], f) > likeness(list[best], f) {
			best = i
		}
	}
	e := list[best]
	list[best] = list[len(list)-1]
	g.digests[d] = list[:len(list)-1]
	return e, true
}

func likeness(e store.ImageEntry, f file) (n int) {
	if path.Base(e.Path) == path.Base(f.path) {
		n += 2
	}
	if e.Label == f.label {
		n++
	}
	return n
}

// left returns the sorted paths of the images that no new path explained.
func (g *goneFiles) left() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var paths []string
	for _, list := range g.digests {
		for _, e := range list {
			paths = append(paths, e.Path)
		}
	}
	slices.Sort(paths)
	return paths
}
