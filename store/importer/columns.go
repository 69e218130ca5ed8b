package importer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Usual names of columns, as plainName writes them, the surest first. Those of lists of
// labels are the same: see package annotation.
var (
	pathNames = []string{"path", "file", "filename", "filepath", "image", "imagepath", "imagefile", "imagename", "imagefilename",
		"img", "imgpath", "imgname", "photo", "photopath", "picture", "fname", "relpath", "imageid", "imgid", "photoid", "id", "key"}
	labelNames = []string{"label", "labels", "labelname", "class", "classname", "classes", "classlabel", "category", "categoryname",
		"species", "breed", "variety", "tag", "target", "labelid", "classid", "categoryid", "y"}
	splitNames  = []string{"split", "set", "subset", "partition", "fold"}
	digestNames = []string{"digest", "sha256"}
)

// Columns of our own exports.
const (
	copiesName = "copies"
	modelName  = "model"
	viewName   = "view"
)

// columns are indexes of a table's columns; −1 for none.
type columns struct {
	path, label, split, digest, copies, view int
	features                                 []int
}

// plainName is a column's name in lower case, without what people put between words.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(name)))
}

// guess finds the column with the first of some names; −1 for none.
func guess(header, names []string) int {
	for _, name := range names {
		for i, h := range header {
			if plainName(h) == name {
				return i
			}
		}
	}
	return -1
}

// findColumns finds the columns of a header by their names.
func findColumns(header []string, opt *Options) (c columns, err error) {
	if c, err = describedColumns(header, opt); err == nil {
		c.features, err = featureColumns(header, c.others())
	}
	return c, err
}

// describedColumns finds all columns but those of features.
func describedColumns(header []string, opt *Options) (c columns, err error) {
	c.path, c.label, c.split = guess(header, pathNames), guess(header, labelNames), guess(header, splitNames)
	c.digest, c.copies, c.view = guess(header, digestNames), slices.Index(header, copiesName), slices.Index(header, viewName)
	for _, asked := range []struct {
		name string
		at   *int
	}{{opt.PathColumn, &c.path}, {opt.LabelColumn, &c.label}} {
		if asked.name == "" {
			continue
		}
		if *asked.at = slices.Index(header, asked.name); *asked.at < 0 {
			return c, fmt.Errorf("%w: there is no column %q", ErrSource, asked.name)
		}
	}
	return c, nil
}

// others are the columns that are found by their names.
func (c *columns) others() []int {
	return []int{c.path, c.label, c.split, c.digest, c.copies, c.view}
}

// featureColumns finds the columns of features: those that have the same name but for the
// number at its end, which counts from 0 or 1. Of several such families the largest counts.
func featureColumns(header []string, taken []int) ([]int, error) {
	families := map[string]map[int]int{} // columns by number, by what stands before it
	for i, name := range header {
		name = strings.TrimSpace(name)
		start := strings.TrimRight(name, "0123456789")
		n, err := strconv.Atoi(name[len(start):])
		if err != nil || slices.Contains(taken, i) {
			continue
		}
		if families[start] == nil {
			families[start] = map[int]int{}
		}
		if _, twice := families[start][n]; twice {
			return nil, fmt.Errorf("%w: the column %.40q is there twice", ErrSource, name)
		}
		families[start][n] = i
	}
	most, found := "", 0
	for start, f := range families {
		if len(f) > found || len(f) == found && start < most {
			most, found = start, len(f)
		}
	}
	if found == 0 {
		return nil, fmt.Errorf("%w: the first line names no columns of features, such as f0, f1, f2: it begins %.80q", ErrSource, strings.Join(header, ","))
	}
	first := 0
	if _, ok := families[most][0]; !ok {
		first = 1
	}
	features := make([]int, found)
	for i := range features {
		at, ok := families[most][first+i]
		if !ok {
			return nil, fmt.Errorf("%w: of the %d columns of features, %.40q is missing", ErrSource, found, most+strconv.Itoa(first+i))
		}
		features[i] = at
	}
	return features, nil
}

// unused names the columns of a header that mean nothing here.
func (c *columns) unused(header []string) (names []string) {
	used := map[int]bool{}
	for _, i := range slices.Concat(c.others(), c.features) {
		used[i] = true
	}
	for i, name := range header {
		if !used[i] && name != modelName && strings.TrimSpace(name) != "" {
			names = append(names, name)
		}
	}
	return names
}
