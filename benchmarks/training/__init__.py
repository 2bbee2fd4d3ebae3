"""Training and extraction: images a second of this, of the lab's way and of a tuned loop, in turn, each by itself.

__main__.py  the command: runs the ways in turn, prints the table
one.py       one measured process: one way on one case
cases.py     what is trained or extracted: network, size, batch
ways.py      this, through the approaches' own classes; the lab's way; a tuned loop over images in memory
peers.py     what else a GPU is fed with: timm's loop, torch.compile, CUDA graphs
meter.py     images, time, page faults and losses of a loop
rates.py     the arithmetic of an image, and the rate of matrix products that the processor reaches
pictures.py  photographs that nobody took, as files and as arrays
"""
