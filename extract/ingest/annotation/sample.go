package annotation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// SampleExtensions are the extensions of files that may say the label of a photo that has the
// same name, in a WebDataset; the likeliest first.
var SampleExtensions = []string{"cls", "json", "txt"}

// ParseSample reads such a file: of cls and txt the text, of json a field of an object, the
// one asked for or one that is named as labels usually are, or a string or number. It returns
// the labels and the field that has them. Without a label, labels is empty.
func ParseSample(extension string, data []byte, field string) (labels []string, from string, err error) {
	if !utf8.Valid(data) {
		return nil, "", fmt.Errorf("%w: it must be UTF-8", ErrList)
	}
	if extension != "json" {
		text := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
		if strings.ContainsAny(text, "\r\n") || strings.IndexByte(text, 0) >= 0 {
			return nil, "", fmt.Errorf("%w: it has several lines", ErrList)
		}
		return nonEmpty([]string{text}), "", nil
	}
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrList, err)
	}
	var object record
	if json.Unmarshal(raw, &object) == nil && object != nil {
		if from = labelField(object, field); from == "" {
			return nil, "", &ColumnError{Lacks: LabelColumn, Asked: field, Columns: slices.Sorted(maps.Keys(object))}
		}
		raw = object[from]
	}
	if labels, err = several(raw); err != nil {
		return nil, from, fmt.Errorf("%w: %w", ErrList, err)
	}
	return nonEmpty(labels), from, nil
}

// labelField is the field of an object that has its label, empty if there is none.
func labelField(object record, asked string) string {
	if asked != "" {
		if _, ok := object[asked]; ok {
			return asked
		}
		return ""
	}
	best, at := "", len(labelNames)
	for name := range object {
		if i := slices.Index(labelNames, plainName(name)); i >= 0 && (i < at || i == at && name < best) {
			best, at = name, i
		}
	}
	return best
}

func nonEmpty(labels []string) []string {
	return slices.DeleteFunc(labels, func(l string) bool { return strings.TrimSpace(l) == "" })
}
