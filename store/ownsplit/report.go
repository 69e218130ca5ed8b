package ownsplit

import "featstore/split"

// A Report says what became of the splits that the owner asked for.
type Report struct {
	By         string `json:"by"`       // "list" or "folders"
	Training   int    `json:"training"` // photos wanted in each split; copies count
	Validation int    `json:"validation"`
	Testing    int    `json:"testing"`
	Change

	Unknown       int      `json:"unknown"`        // lines whose path no photo has
	UnknownPaths  []string `json:"unknown_paths"`  // the first of them
	Unlisted      int      `json:"unlisted"`       // photos not wanted anywhere: the policy decides
	UnlistedPaths []string `json:"unlisted_paths"` // the first of them

	// UnlistedFolders are the folders beside those named after splits that the unlisted
	// photos are in; empty for a list.
	UnlistedFolders []string `json:"unlisted_folders"`
}

// mostPaths is how many paths of a kind a report names.
const mostPaths = 20

// NewReport puts together what was found and done. by is ByList or ByFolders.
func NewReport(by string, f Found, c Change) *Report {
	r := &Report{By: by, Change: c, Unknown: len(f.Unknown), UnknownPaths: []string{}, Unlisted: len(f.Unlisted), UnlistedPaths: []string{},
		UnlistedFolders: append([]string{}, f.UnlistedFolders...)}
	for _, w := range f.Wants {
		switch w.Split {
		case split.Training:
			r.Training++
		case split.Validation:
			r.Validation++
		case split.Testing:
			r.Testing++
		}
	}
	for _, e := range f.Unknown[:min(mostPaths, len(f.Unknown))] {
		r.UnknownPaths = append(r.UnknownPaths, e.Path)
	}
	r.UnlistedPaths = append(r.UnlistedPaths, f.Unlisted[:min(mostPaths, len(f.Unlisted))]...)
	return r
}

// Where the owner's splits come from.
const (
	ByList    = "list"
	ByFolders = "folders"
)
