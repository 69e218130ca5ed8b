// Package extract turns photos into bottlenecks: the numbers that a trained
// network computes just before it would name what is on the photo. They describe
// a photo well enough that a classifier for quite other things can be trained on
// them alone.
//
// # Networks
//
// A Network is an ONNX model up to its bottleneck (the tap) together with the
// photo.Preprocess that it was trained with. Default is the embedded one, OpenNetwork
// reads others. Its Info.ID follows from everything that decides what a vector is, so
// vectors with the same id can be compared and others must not be. An Extractor
// runs photos through a network, one at a time; make one for each goroutine.
// A vector depends on the bytes of the photo's file and on the network only, except
// for the last bits, in which processors with other instructions may differ.
//
// # Networks of one's own
//
// OpenModel reads any ONNX image classifier with the files beside it that hold its
// weights. ModelFile.Inspect tells what is in it, ModelFile.Network makes it ready.
// The tap is found by itself: what the layer reads that computes the class scores.
// The input's layout and size are those that the model declares.
//
// How photos are prepared cannot be seen in a network, and a wrong guess costs
// accuracy without a word. So it is never guessed. Those who can say it are asked in
// this order, and each only for what the ones before left open:
//
//  1. the caller, by the Manifest given to Network;
//  2. a manifest beside the model: net.json beside net.onnx;
//  3. the model's own metadata, under the keys featstore.preprocess, featstore.tap,
//     featstore.pool and featstore.layout, with values as Manifest.SetAll takes them; or
//     as Windows ML and ML.NET (Image.NominalPixelRange), Ultralytics' classifiers,
//     timm (pretrained_cfg) and OpenVINO's Model API write it;
//  4. featstore's list of known networks, by the SHA-256 of the file;
//  5. preprocessor_config.json, or config.json with a pretrained_cfg, as they lie beside
//     networks on Hugging Face's hub.
//
// If nobody says it, the error is a PreprocessError, which names the presets that the
// network's family is likely to want, and why. Network.Origin tells who said it.
//
// A manifest is a JSON object like this one. All its fields may be left out; of
// preprocess a preset stands for all but the size, and fields beside it overrule it.
//
//	{
//	  "name": "my network",
//	  "sha256": "…",                       the file that it is for
//	  "tap": "features",                   tensor to take as the bottleneck
//	  "pool": "avg",                       of a feature map: avg, max or none
//	  "layout": "nchw",                    where the model leaves it open: nchw or nhwc
//	  "dim": 2048,                         features, to be checked
//	  "preprocess": {
//	    "preset": "imagenet",              imagenet, inception, lite, caffe, clip, unit or raw
//	    "width": 224, "height": 224,
//	    "resize": "shorter-side",          or center-square, squash
//	    "side": 256,                       of shorter-side; or "crop": 0.875 of it
//	    "filter": "bilinear",              or bicubic, tf-bilinear
//	    "antialias": true,
//	    "mean": [123.675, 116.28, 103.53], of pixels 0…255, in the order of channels;
//	    "std": [58.395, 57.12, 57.375],    one number stands for three
//	    "order": "rgb"                     or bgr
//	  }
//	}
//
// # Photos
//
// Package extract/photo decodes and prepares photos: bytes in, the network's input
// out. Errors that are a photo's fault are its ErrUnsupportedFormat, ErrTooLarge and
// ErrCorrupt.
package extract
