"""Face emotion: frames in, seven probabilities per face out."""

import os

# OpenCV reads this once, when it is loaded. A file of a few kilobytes can claim a gigapixel.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(1 << 26))
