package page

import (
	"featstore/cmd/featstore/internal/thumbnail"
	"featstore/split"
	"featstore/train"
)

// A Similar is what the page of a search shows.
type Similar struct {
	Store   string // its file
	Version string // of featstore
	Queries []Query
	Most    int64 // bytes of the thumbnails at most
}

// A Query is a photo that was looked for, and what is like it.
type Query struct {
	Path    string
	Problem string // why it could not be looked for
	Digest  split.Digest
	InStore *train.Image // nil if the store does not have it
	Similar []train.Match
}

// Paths are the files of the photo.
func (q Query) Paths() []string { return []string{q.Path} }

// Photos lists all photos that the page shows.
func (s *Similar) Photos() []thumbnail.Photo {
	var all []thumbnail.Photo
	seen := map[split.Digest]bool{}
	add := func(d split.Digest, paths []string) {
		if !seen[d] {
			seen[d] = true
			all = append(all, thumbnail.Photo{Digest: d, Paths: paths, Large: true})
		}
	}
	for _, q := range s.Queries {
		if q.Problem == "" {
			add(q.Digest, q.Paths())
		}
		for _, m := range q.Similar {
			add(m.Digest, m.Paths)
		}
	}
	return all
}

// Render makes the page, with as many of the pictures as fit.
func (s *Similar) Render(pictures *thumbnail.Pictures) ([]byte, error) {
	large, _, _, err := pictures.Sheets(thumbnail.Large, s.Most/4*3)
	if err != nil {
		return nil, err
	}
	return render("similar", s, Pictures{Large: large, Facts: pictures.Facts}, false)
}
