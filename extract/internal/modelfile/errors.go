package modelfile

import (
	"errors"
	"fmt"
	"strings"

	"featstore/extract/photo"
)

// ErrModel: a network cannot be used. The error that wraps it says which part of it is
// why.
var ErrModel = errors.New("unusable network")

// ErrTooLarge: a file is larger than the limits allow.
var ErrTooLarge = errors.New("too large")

// A PreprocessError: no source says how photos are prepared for a network, or only in
// part.
type PreprocessError struct {
	Missing []string     // settings that are missing; nil if none was given at all
	Likely  []Suggestion // presets to choose from, the likeliest first
}

func (e *PreprocessError) Error() string {
	if len(e.Missing) > 0 {
		return "how photos are prepared for it is only given in part: missing are " + strings.Join(e.Missing, ", ")
	}
	return "it does not say how photos are prepared for it, and that cannot be seen in a network"
}

// Advice names the likely presets, and why, in one sentence.
func (e *PreprocessError) Advice() string {
	var likely []string
	for _, s := range e.Likely {
		likely = append(likely, s.Preset+" ("+s.Why+")")
	}
	if len(likely) == 0 {
		return "choose a preset: " + strings.Join(photo.PresetNames(), ", ")
	}
	return "likely " + strings.Join(likely, ", or ")
}

// A SizeError: a model takes photos of any size and no source says one.
type SizeError struct {
	Input string // its name
	Takes string // its shape
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("input %q takes %s: give the size of photos for it with --size, such as 224", e.Input, e.Takes)
}
