from fovea.compile_kernels import compile_kernels

compile_kernels()
