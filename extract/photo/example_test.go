package photo_test

import (
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
