package annotation

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// Names of columns, as written by plainName, the surest first.
var (
	pathNames = []string{"path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "imagefilename",
		"img", "imgpath", "imgname", "photo", "photopath", "picture", "fname", "relpath", "imageid", "imgid", "photoid", "pictureid",
		"id", "uuid", "key"}
	labelNames = []string{"label", "labels", "labelname", "class", "classname", "classes", "classlabel", "category", "categoryname",
		"categories", "species", "breed", "variety", "cultivar", "tag", "tags", "target", "diagnosis", "dx", "choice",
		"groundtruth", "labelid", "classid", "categoryid", "y"}
	splitNames = []string{"split", "set", "subset", "partition", "fold"}
)

// plainName is a column's name in lower case, without what people put between words.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// columns are the indexes of what is read of a row; -1 for none.
type columns struct {
	path, label, split, group int
}

// last is the rightmost column that a row must have.
func (c columns) last() int { return max(c.path, c.label) }

// findColumns chooses among the columns of a header, by their names.
func findColumns(header []string, opt Options) (columns, error) {
	c := columns{-1, -1, -1, -1}
	for _, want := range []struct {
		at    *int
		asked string
		lacks string
	}{
		{&c.path, opt.PathColumn, PathColumn}, {&c.label, opt.LabelColumn, LabelColumn},
		{&c.split, opt.SplitColumn, SplitColumn}, {&c.group, opt.GroupColumn, GroupColumn},
	} {
		if want.asked == "" {
			continue
		}
		if *want.at = named(header, want.asked); *want.at < 0 {
			return c, &ColumnError{want.lacks, want.asked, slices.Clone(header)}
		}
	}
	if c.path < 0 {
		c.path = guess(header, pathNames, c.label, c.split, c.group)
	}
	if c.label < 0 {
		c.label = guess(header, labelNames, c.path, c.split, c.group)
	}
	switch others := c.rest(header); {
	case len(others) != 1: // which of them is not for us to say
	case c.path < 0 && c.label >= 0:
		c.path = others[0]
	case c.label < 0 && c.path >= 0:
		c.label = others[0]
	}
	return c, nil
}

// rest are the columns of a header that have a name and no use.
func (c columns) rest(header []string) (at []int) {
	for i, name := range header {
		if i != c.path && i != c.label && i != c.split && i != c.group && strings.TrimSpace(name) != "" {
			at = append(at, i)
		}
	}
	return at
}

// complete is the error of columns that were not found.
func (c columns) complete(header []string) error {
	switch {
	case c.path < 0:
		return &ColumnError{Lacks: PathColumn, Columns: slices.Clone(header)}
	case c.label < 0:
		return &ColumnError{Lacks: LabelColumn, Columns: slices.Clone(header)}
	}
	return nil
}

// named finds a column by its name, in upper or lower case, or by its number from 1.
func named(header []string, name string) int {
	name = strings.TrimSpace(name)
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		for i, h := range header {
			if same(strings.TrimSpace(h), name) {
				return i
			}
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(header) {
		return n - 1
	}
	return -1
}

// guess finds a column by usual names, among those that have no other use.
func guess(header, names []string, taken ...int) int {
	for _, name := range names {
		for i, h := range header {
			if plainName(h) == name && !slices.Contains(taken, i) {
				return i
			}
		}
	}
	return -1
}

// splitColumns are those named as if they said splits.
func splitColumns(header []string, c columns) (names []string) {
	for _, i := range c.rest(header) {
		if slices.Contains(splitNames, plainName(header[i])) {
			names = append(names, header[i])
		}
	}
	return names
}

// nameAt is the name of a column, its number if it has none, empty for no column.
func nameAt(header []string, at int) string {
	if at < 0 {
		return ""
	}
	if name := strings.TrimSpace(header[at]); name != "" {
		return name
	}
	return strconv.Itoa(at + 1)
}

// reads notes which columns are read.
func (l *list) reads(header []string, c columns) {
	l.info.PathColumn, l.info.LabelColumn = nameAt(header, c.path), nameAt(header, c.label)
	l.info.SplitColumn, l.info.GroupColumn = nameAt(header, c.split), nameAt(header, c.group)
}

var pictureExtensions = map[string]bool{
	".jpg": true, ".jpeg": true, ".jpe": true, ".jfif": true, ".png": true, ".gif": true, ".webp": true, ".bmp": true,
	".tif": true, ".tiff": true, ".heic": true, ".heif": true, ".avif": true, ".dng": true,
}

// likePicture tells whether a cell is the name of a picture's file.
func likePicture(cell string) bool {
	return pictureExtensions[strings.ToLower(path.Ext(strings.TrimSpace(cell)))]
}

// UsualLabel tells whether a column is named as those of labels usually are.
func UsualLabel(name string) bool { return slices.Contains(labelNames, plainName(name)) }
