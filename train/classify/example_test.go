package classify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"featstore/extract/photo"
	"featstore/train/classify"
)

// A handler that tells what is on a photo that is posted to it.
func Example() {
	c, err := classify.OpenFile("flowers.onnx", classify.Options{})
	if err != nil {
		fmt.Println("no classifier here:", errors.Unwrap(err) != nil)
		return
	}
	defer c.Close()
	http.HandleFunc("POST /predict", func(w http.ResponseWriter, r *http.Request) {
		result, err := c.Classify(r.Context(), r.Body)
		switch {
		case errors.Is(err, photo.ErrUnsupportedFormat), errors.Is(err, photo.ErrCorrupt), errors.Is(err, photo.ErrTooLarge):
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		case errors.Is(err, context.Canceled):
		case err != nil:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		default:
			json.NewEncoder(w).Encode(result)
		}
	})
	fmt.Println(http.ListenAndServe("127.0.0.1:8080", nil))
	// Output: no classifier here: true
}
