package annotation

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var synset = regexp.MustCompile(`^n[0-9]{8}$`)

// Synset tells whether a label is an id of ImageNet, as its folders are named.
func Synset(label string) bool { return synset.MatchString(label) }

// ParseNames reads names of labels that are numbers or codes, by these: lines with a code
// and a name, with blanks, a tab, a comma or a colon between, as ImageNet's
// LOC_synset_mapping.txt and map_clsloc.txt; or JSON, an object of names by code, an object
// of pairs [code, name] by number, as imagenet_class_index.json, or an array of names by
// number from 0. Of ImageNet's synonyms the first one is taken, unless two codes share it.
func ParseNames(data []byte) (map[string]string, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, fmt.Errorf("%w: they must be UTF-8", ErrNames)
	}
	var names [][2]string
	var err error
	switch text := bytes.TrimSpace(data); {
	case bytes.HasPrefix(text, []byte("{")):
		names, err = namesInObject(text)
	case bytes.HasPrefix(text, []byte("[")):
		names, err = namesInArray(text)
	default:
		names, err = namesInLines(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNames, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrNames)
	}
	return shortest(names)
}

// shortest makes the table of names, with the first synonym of ImageNet's.
func shortest(names [][2]string) (map[string]string, error) {
	of := map[string]string{}
	for _, n := range names {
		code, name := n[0], n[1]
		if name == "" {
			return nil, fmt.Errorf("%w: the label %.60q has an empty name", ErrNames, code)
		}
		if was, ok := of[code]; ok && was != name {
			return nil, fmt.Errorf("%w: the label %.60q has two names: %.60q and %.60q", ErrNames, code, was, name)
		}
		of[code] = name
	}
	synonyms, whole := map[string]int{}, map[string]int{}
	for code, name := range of {
		if Synset(code) {
			synonyms[firstSynonym(name)]++
			whole[name]++
		}
	}
	for code, name := range of {
		switch {
		case !Synset(code):
		case synonyms[firstSynonym(name)] == 1:
			of[code] = firstSynonym(name)
		case whole[name] > 1:
			of[code] = name + " (" + code + ")"
		}
	}
	return of, nil
}

func firstSynonym(name string) string {
	first, _, _ := strings.Cut(name, ",")
	if first = strings.TrimSpace(first); first == "" {
		return name
	}
	return first
}

func namesInObject(text []byte) (names [][2]string, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, err
	}
	for code, raw := range object {
		var pair []string
		if json.Unmarshal(raw, &pair) == nil && len(pair) == 2 {
			names = append(names, [2]string{code, pair[1]}, [2]string{pair[0], pair[1]})
			continue
		}
		name, err := scalar(raw)
		if err != nil {
			return nil, err
		}
		names = append(names, [2]string{code, name})
	}
	return names, nil
}

func namesInArray(text []byte) (names [][2]string, err error) {
	var array []string
	if err := json.Unmarshal(text, &array); err != nil {
		return nil, err
	}
	for i, name := range array {
		names = append(names, [2]string{strconv.Itoa(i), name})
	}
	return names, nil
}

// namesInLines reads a code and a name a line.
func namesInLines(text string) (names [][2]string, err error) {
	divide := dividerOf(text)
	numbered := true // with a number between, as map_clsloc.txt
	n := 0
	for line := range strings.Lines(text) {
		n++
		if strings.TrimSpace(line) == "" {
			continue
		}
		code, name, ok := divide(strings.TrimSpace(line))
		if code, name = strings.TrimSpace(code), strings.TrimSpace(name); !ok || code == "" || name == "" {
			return nil, fmt.Errorf("line %d has no code and name: %.60q", n, line)
		}
		first, rest, two := strings.Cut(name, " ")
		_, e := strconv.Atoi(first)
		numbered = numbered && two && e == nil && strings.TrimSpace(rest) != "" && Synset(code)
		names = append(names, [2]string{code, name})
	}
	for i := range names {
		if numbered {
			_, names[i][1], _ = strings.Cut(names[i][1], " ")
		}
	}
	return names, nil
}

// dividerOf finds what divides codes from names: a tab or a comma if each line has just
// one, else the first blank or colon.
func dividerOf(text string) func(line string) (code, name string, ok bool) {
	tabs, commas, synsets := true, true, true
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		tabs = tabs && strings.Contains(line, "\t")
		cells, err := csv.NewReader(strings.NewReader(line)).Read()
		commas = commas && err == nil && len(cells) == 2
		first, _, _ := strings.Cut(line, " ")
		synsets = synsets && Synset(first)
	}
	switch {
	case tabs:
		return func(line string) (string, string, bool) { return strings.Cut(line, "\t") }
	case commas && !synsets:
		return func(line string) (string, string, bool) {
			cells, err := csv.NewReader(strings.NewReader(line)).Read()
			if err != nil || len(cells) < 2 {
				return "", "", false
			}
			return cells[0], cells[1], true
		}
	}
	return func(line string) (string, string, bool) {
		at := strings.IndexAny(line, " :=,;")
		if at < 0 {
			return "", "", false
		}
		return line[:at], line[at+1:], true
	}
}
