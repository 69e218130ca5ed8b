package annotation

import (
	"encoding/json"
	"fmt"
	"slices"
)

// cocoReader reads COCO's JSON: images with ids, annotations that give an image a
// category, and categories with names, in any order. It holds images and categories, and of
// the annotations the categories of each image.
type cocoReader struct {
	*list
	d      *json.Decoder
	number map[string]int // of images, by id
	images []cocoImage    // by number
	names  map[string]string
	held   int
}

// A cocoImage is a photo of which an image or an annotation told.
type cocoImage struct {
	path       string // empty if only annotations told of it
	id         string
	categories []string // ids, each once
}

// id is a number or a text of JSON, as text.
type id string

func (i *id) UnmarshalJSON(b []byte) error {
	s, err := scalar(b)
	if err != nil {
		return fmt.Errorf("%w: an id: %w", ErrList, err)
	}
	*i = id(s)
	return nil
}

func (l *list) coco() error {
	l.info.Format = FormatCOCO
	c := &cocoReader{list: l, d: json.NewDecoder(l.in), number: map[string]int{}, names: map[string]string{}}
	if _, err := c.d.Token(); err != nil {
		return l.badJSON(1, err)
	}
	seen := map[string]bool{}
	for c.d.More() {
		l.rows.begin()
		key, err := c.d.Token()
		if err != nil {
			return l.badJSON(1, err)
		}
		name, _ := key.(string)
		if seen[name] = true; len(seen) > 1000 {
			return fmt.Errorf("%w: an object with more than 1,000 fields", ErrList)
		}
		switch name {
		case "images":
			err = elements(c, c.image)
		case "annotations":
			err = elements(c, c.annotation)
		case "categories":
			err = elements(c, c.category)
		default:
			err = c.skip()
		}
		if err != nil {
			return err
		}
	}
	if _, err := c.d.Token(); err != nil {
		return l.badJSON(1, err)
	}
	for _, want := range []string{"images", "annotations", "categories"} {
		if !seen[want] {
			return fmt.Errorf("%w: JSON of an unknown kind: COCO's would have %q", ErrList, want)
		}
	}
	return c.giveAll()
}

// elements calls do with each element of an array.
func elements[T any](c *cocoReader, do func(T) error) error {
	if t, err := c.d.Token(); err != nil || t != json.Delim('[') {
		if err == nil {
			err = fmt.Errorf("%w: COCO's JSON has %v where a list begins", ErrList, t)
		}
		return c.badJSON(1, err)
	}
	for n := 1; c.d.More(); n++ {
		c.rows.begin()
		var one T
		if err := c.d.Decode(&one); err != nil {
			return c.badJSON(n, err)
		}
		if err := do(one); err != nil {
			return err
		}
	}
	_, err := c.d.Token()
	if err != nil {
		return c.badJSON(1, err)
	}
	return nil
}

// skip reads a value without use, such as licences.
func (c *cocoReader) skip() error {
	for depth := 0; ; {
		c.rows.begin()
		t, err := c.d.Token()
		if err != nil {
			return c.badJSON(1, err)
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// hold counts what is kept until the end.
func (c *cocoReader) hold(n int) error {
	if c.held += n + itemSize; c.held > mostHeld {
		return fmt.Errorf("%w: COCO's JSON of more than %d photos", ErrList, len(c.images))
	}
	return nil
}

// of returns the image with an id, which may be told of for the first time.
func (c *cocoReader) of(id string) (*cocoImage, error) {
	n, ok := c.number[id]
	if !ok {
		n = len(c.images)
		c.number[id] = n
		c.images = append(c.images, cocoImage{id: id})
		if err := c.hold(2 * len(id)); err != nil {
			return nil, err
		}
	}
	return &c.images[n], nil
}

func (c *cocoReader) image(i struct {
	ID       id     `json:"id"`
	FileName string `json:"file_name"`
}) error {
	if i.FileName == "" {
		return fmt.Errorf("%w: image %.60q has no file_name", ErrList, i.ID)
	}
	image, err := c.of(string(i.ID))
	if err != nil {
		return err
	}
	if image.path != "" && image.path != i.FileName {
		return fmt.Errorf("%w: two images have the id %.60q: %.60q and %.60q", ErrList, i.ID, image.path, i.FileName)
	}
	image.path = i.FileName
	return c.hold(len(i.FileName))
}

func (c *cocoReader) annotation(a struct {
	Image    id `json:"image_id"`
	Category id `json:"category_id"`
}) error {
	if a.Image == "" || a.Category == "" {
		return fmt.Errorf("%w: an annotation without image_id or category_id: captions and the like are no labels", ErrList)
	}
	image, err := c.of(string(a.Image))
	if err != nil || slices.Contains(image.categories, string(a.Category)) {
		return err
	}
	if len(image.categories) == mostLabels {
		return fmt.Errorf("%w: image %.60q has more than %d categories", ErrList, a.Image, mostLabels)
	}
	image.categories = append(image.categories, string(a.Category))
	return c.hold(len(a.Category))
}

func (c *cocoReader) category(k struct {
	ID   id     `json:"id"`
	Name string `json:"name"`
}) error {
	if k.Name == "" {
		return fmt.Errorf("%w: category %.60q has no name", ErrList, k.ID)
	}
	c.names[string(k.ID)] = k.Name
	return c.hold(len(k.ID) + len(k.Name))
}

// giveAll gives the rows, once all is known.
func (c *cocoReader) giveAll() error {
	c.info.PathColumn, c.info.LabelColumn = "file_name", "category"
	for n, i := range c.images {
		if i.path == "" {
			return fmt.Errorf("%w: an annotation is of image %.60q, which is not there", ErrList, i.id)
		}
		row := Row{Path: i.path, Line: n + 1}
		if len(i.categories) == 0 {
			if err := c.give(row); err != nil {
				return err
			}
		}
		for _, k := range i.categories {
			name, ok := c.names[k]
			if !ok {
				return fmt.Errorf("%w: %.60q has category %.60q, which has no name", ErrList, i.path, k)
			}
			row.Label = name
			if err := c.give(row); err != nil {
				return err
			}
		}
	}
	return nil
}
