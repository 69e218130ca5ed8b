package photo_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log"
	"os"

	"featstore/extract/photo"
)

// A photo becomes the input of a network that wants 32×32 pixels in −1…1.
func Example() {
	p, err := photo.Preset("inception", 32, 32)
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.ReadFile("testdata/resize/wide_source.png")
	if err != nil {
		log.Fatal(err)
	}
	var scratch photo.Scratch // one per goroutine, reused from photo to photo
	input := make([]float32, p.Len())
	if err := p.Pixels(input, file, photo.DefaultLimits(), &scratch); err != nil {
		log.Fatal(err)
	}
	fmt.Println(p.String())
	fmt.Println(len(input), "values")
	// Output:
	// 32×32, central square, bilinear with antialiasing, (pixel − 127.5) / 127.5, RGB
	// 3072 values
}

// For training, a photo is also seen in views that differ from it at random: the same on
// every machine for the same bytes and number.
func ExampleAugment() {
	augment, err := photo.ParseAugment("brightness=10, flip, crop=10")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(augment)
	file, err := os.ReadFile("testdata/resize/wide_source.png")
	if err != nil {
		log.Fatal(err)
	}
	p, err := photo.Preset("unit", 32, 32)
	if err != nil {
		log.Fatal(err)
	}
	var scratch photo.Scratch
	input := make([]float32, p.Len())
	digest := sha256.Sum256(file)
	for number := range uint64(3) { // 0 is the plain photo
		view := augment.View(digest, number)
		if _, err := p.PrepareView(context.Background(), input, file, view, photo.DefaultLimits(), &scratch); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("view %d: plain %t, first value %.3f\n", number, view.Plain(), input[0])
	}
	// Output:
	// flip,crop=10,brightness=10
	// view 0: plain true, first value 0.804
	// view 1: plain false, first value 0.675
	// view 2: plain false, first value 0.667
}

// The size and format of a picture are in its header: nothing is decoded.
func ExampleDecodeConfig() {
	file, err := os.ReadFile("testdata/formats/animated.webp")
	if err != nil {
		log.Fatal(err)
	}
	format, width, height, err := photo.DecodeConfig(file)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(format, width, height)
	// Output:
	// webp 30 22
}
