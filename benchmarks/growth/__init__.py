"""How time and memory grow with images, trials, slots and approaches.

__main__.py  the command: an axis after another, one table and one plot
axes.py      the axes: sizes, and what is measured at one
costs.py     what something cost at several sizes, and its slope
images.py    one measured process: opening, decoding and reading so many images
plot.py      the plot
"""
