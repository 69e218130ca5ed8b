package store

// A LabelSource says what gives the photos of a folder their labels. Names of files are
// absolute, or slash-separated and relative to the folder where they lie inside it.
type LabelSource struct {
	Kind LabelKind `msgpack:"kind,omitempty" json:"kind"`

	// Of lists: their files, which columns are read, and what separates several labels
	// of a photo. Columns that are empty are guessed, or there are none.
	Files       []string `msgpack:"files,omitempty" json:"files,omitempty"`
	PathColumn  string   `msgpack:"path_column,omitempty" json:"path_column,omitempty"`
	LabelColumn string   `msgpack:"label_column,omitempty" json:"label_column,omitempty"`
	SplitColumn string   `msgpack:"split_column,omitempty" json:"split_column,omitempty"`
	GroupColumn string   `msgpack:"group_column,omitempty" json:"group_column,omitempty"`
	Separator   string   `msgpack:"separator,omitempty" json:"separator,omitempty"`
	First       bool     `msgpack:"first,omitempty" json:"first,omitempty"` // of several labels the first is taken

	Pattern string `msgpack:"pattern,omitempty" json:"pattern,omitempty"` // of LabelsByName: a regular expression
	Names   string `msgpack:"names,omitempty" json:"names,omitempty"`     // file that gives labels other names
	Merge   bool   `msgpack:"merge,omitempty" json:"merge,omitempty"`     // labels that differ in case or blanks are one
}

// Unlabelled is the label of images that have none: only those of a root with LabelsNone
// may have it. It is no label where other images have the same digest. The vectors of a
// digest with unlabelled images only lie aside, in no split, as those in dispute do.
const Unlabelled = ""

// A LabelKind is a kind of LabelSource.
type LabelKind string

// The kinds.
const (
	LabelsByFolder   LabelKind = ""         // names of folders: see Layout
	LabelsByList     LabelKind = "list"     // Files
	LabelsByMetadata LabelKind = "metadata" // Hugging Face's metadata.csv or metadata.jsonl in the folder
	LabelsBySample   LabelKind = "sample"   // files beside the photos, as in a WebDataset: LabelColumn is their extension, or a field
	LabelsByName     LabelKind = "name"     // Pattern finds them in the names of files
	LabelsNone       LabelKind = "none"     // the photos have no labels: see Unlabelled
)
