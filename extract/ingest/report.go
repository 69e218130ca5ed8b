package ingest

// A Problem is one file or folder that was left out, with the reason in words.
type Problem struct {
	Path   string `json:"path"` // relative to the root, slash-separated
	Reason string `json:"reason"`
}

func problem(path string, err error) Problem { return Problem{path, err.Error()} }
