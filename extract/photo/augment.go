package photo

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// An Augment says how the views of a photo differ from it at random. The first four
// are the distortions of TensorFlow's retrain example (add_input_distortions in
// hub/examples/image_retraining/retrain.py), with its names and meanings; percentages
// and degrees are whole numbers, and 0 is no such change.
//
// A view shows a part of what the plain photo shows, never anything else: where it is
// turned, it is enlarged until no corner is empty.
type Augment struct {
	Flip bool // half of the views, those of odd numbers, are mirrored left to right

	// Crop is a margin in percent, up to 100: the photo is scaled to 1 + Crop/100 of
	// the input's width and height, of which the input is a random part.
	Crop int

	// Scale enlarges it further by up to so many percent, up to 100.
	Scale int

	// Brightness multiplies all values by a factor of up to so many percent more or
	// less than 1, up to 99.
	Brightness int

	// Color does the same with the contrast (the distance from middle grey) and with
	// the saturation (the distance from a pixel's own grey), each by a factor of its
	// own, up to 99. Hue stays, which tells many things apart.
	Color int

	// Rotate turns the photo about the middle of what is seen by up to so many
	// degrees in either direction, up to 45.
	Rotate int
}

// augmentRevision counts changes of what the same Augment makes of a photo.
const augmentRevision = 1

// distortions are the parts of an Augment that have a size, in canonical order.
var distortions = []struct {
	name  string
	most  int
	unit  string
	field func(*Augment) *int
}{
	{"crop", 100, "percent", func(a *Augment) *int { return &a.Crop }},
	{"scale", 100, "percent", func(a *Augment) *int { return &a.Scale }},
	{"brightness", 99, "percent", func(a *Augment) *int { return &a.Brightness }},
	{"color", 99, "percent", func(a *Augment) *int { return &a.Color }},
	{"rotate", 45, "degrees", func(a *Augment) *int { return &a.Rotate }},
}

// ParseAugment reads an Augment as it stands on a command line, such as
// "flip,crop=10,scale=10,brightness=10,color=20,rotate=5", in any order. One that
// changes nothing is an error.
func ParseAugment(text string) (Augment, error) {
	var a Augment
	seen := map[string]bool{}
	for part := range strings.SplitSeq(text, ",") {
		name, value, sized := strings.Cut(strings.TrimSpace(part), "=")
		if seen[name] {
			return Augment{}, fmt.Errorf("augmentation %q: %s is there twice", text, name)
		}
		seen[name] = true
		if err := a.set(name, value, sized); err != nil {
			return Augment{}, fmt.Errorf("augmentation %q: %w", text, err)
		}
	}
	if a == (Augment{}) {
		return a, fmt.Errorf("augmentation %q changes nothing", text)
	}
	return a, nil
}

func (a *Augment) set(name, value string, sized bool) error {
	if name == "flip" {
		if sized {
			return errors.New("flip has no size: half of the views are mirrored")
		}
		a.Flip = true
		return nil
	}
	for _, d := range distortions {
		if d.name != name {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > d.most {
			return fmt.Errorf("want %s=N, where N is 0 to %d %s", name, d.most, d.unit)
		}
		*d.field(a) = n
		return nil
	}
	return fmt.Errorf("there is no %q: want flip, crop=N, scale=N, brightness=N, color=N and rotate=N, with commas between", name)
}

// Validate reports sizes that are out of range.
func (a Augment) Validate() error {
	for _, d := range distortions {
		if n := *d.field(&a); n < 0 || n > d.most {
			return fmt.Errorf("augmentation: %s=%d is not 0 to %d %s", d.name, n, d.most, d.unit)
		}
	}
	return nil
}

// String is the text that ParseAugment reads, in a fixed order and without what
// changes nothing: the same for two Augments exactly if they are equal.
func (a Augment) String() string {
	var parts []string
	if a.Flip {
		parts = append(parts, "flip")
	}
	for _, d := range distortions {
		if n := *d.field(&a); n != 0 {
			parts = append(parts, d.name+"="+strconv.Itoa(n))
		}
	}
	return strings.Join(parts, ",")
}

// CanonicalString is the same for two Augments exactly if they make the same views of
// every photo: String and the revision of the code behind it.
func (a Augment) CanonicalString() string {
	return fmt.Sprintf("%s;revision=%d", a, augmentRevision)
}

// ParseCanonicalAugment reads what CanonicalString gave. What another revision of the
// code made is an error: this one would make other views.
func ParseCanonicalAugment(text string) (Augment, error) {
	spec, _, _ := strings.Cut(text, ";")
	a, err := ParseAugment(spec)
	if err == nil && a.CanonicalString() != text {
		err = fmt.Errorf("augmentation %q is that of another version of featstore: give it anew", text)
	}
	return a, err
}

// A View is one way to see a photo. It belongs to no photo: any may be seen so. The
// zero View is the plain photo.
type View struct {
	mirrored   bool
	zoom       fixed  // of the input's size, over 1
	x, y       uint32 // where the input lies in what is left of the photo, as a share of 2³²
	brightness fixed  // factors, over 1
	contrast   fixed
	saturation fixed
	angle      fixed // degrees
}

// fixed is a number in units of 2⁻¹⁶. Views are computed in integers, so that they are
// the same on every machine.
type fixed int64

const one fixed = 1 << 16

func (f fixed) times(g fixed) fixed { return (f*g + one/2) >> 16 }

// Mirrored is the view of a photo from left to right that changes nothing else.
func Mirrored() View { return View{mirrored: true} }

// Plain reports whether the view shows the photo as it is.
func (v View) Plain() bool { return v == View{} }

// View returns a view of the photo whose file has this SHA-256. Number 0 is the plain
// photo; every other number is another view, the same on every machine for the same
// photo and number. With Flip, odd numbers are mirrored, so that no chance leaves a photo
// without a mirrored view. Numbers need not be small or in order: who wants new views
// again and again may draw them at random.
func (a Augment) View(digest [sha256.Size]byte, number uint64) View {
	if number == 0 {
		return View{}
	}
	draws := drawn(sha256.Sum256(binary.BigEndian.AppendUint64(digest[:], number)))
	margin := percent(a.Crop)
	v := View{
		mirrored:   a.Flip && number%2 == 1,
		zoom:       margin + (one + margin).times(draws.upTo(1, percent(a.Scale))),
		brightness: draws.around(4, percent(a.Brightness)),
		contrast:   draws.around(5, percent(a.Color)),
		saturation: draws.around(6, percent(a.Color)),
		angle:      draws.around(7, fixed(a.Rotate)*one),
	}
	switch {
	case v.zoom != 0:
		v.x, v.y = draws.at(2), draws.at(3)
	case v.angle != 0:
		v.x, v.y = 1<<31, 1<<31 // what is enlarged to hide corners shows the middle
	}
	return v
}

func percent(n int) fixed { return (fixed(n)*one + 50) / 100 }

// drawn is eight random numbers of 32 bits. Each distortion has its own, so that it
// does not depend on which others there are.
type drawn [sha256.Size]byte

func (d *drawn) at(i int) uint32 { return binary.BigEndian.Uint32(d[4*i:]) }

// upTo is draw i in [0, most].
func (d *drawn) upTo(i int, most fixed) fixed { return share(d.at(i), most+1) }

// around is draw i in [−most, most].
func (d *drawn) around(i int, most fixed) fixed { return share(d.at(i), 2*most+1) - most }

// share is a number in [0, n), where u is the share of 2³².
func share[T ~int | ~int64](u uint32, n T) T { return T(int64(u) * int64(n) >> 32) }
