package split

import "strings"

// spellings are the names that people give to splits, in files and folders.
var spellings = map[string]Split{
	"train": Training, "training": Training,
	"val": Validation, "valid": Validation, "validation": Validation,
	"test": Testing, "testing": Testing,
}

// Spelling returns the split that a name means in any of its usual spellings: train,
// training; val, valid, validation; test, testing; in upper or lower case.
func Spelling(name string) (Split, bool) {
	s, ok := spellings[strings.ToLower(strings.TrimSpace(name))]
	return s, ok
}

// ByFolder finds the split and the label in a slash-separated path of which one
// folder is named after a split: train/roses/1.jpg or roses/train/1.jpg. Where both
// first folders have such a name, the first is the split. More folders may follow. It
// returns false for other paths.
func ByFolder(path string) (s Split, label string, ok bool) {
	first, rest, _ := strings.Cut(path, "/")
	second, _, deep := strings.Cut(rest, "/")
	if !deep {
		return 0, "", false
	}
	if s, ok = Spelling(first); ok {
		return s, second, true
	}
	s, ok = Spelling(second)
	return s, first, ok
}
