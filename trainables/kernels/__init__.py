"""Support vector machines on matrices of kernel values, each computed as one product.

products.py       scalar products of all examples, kept between the trials of a process
machine.py        an SVC fitted on them, and its decisions on other examples
"""
