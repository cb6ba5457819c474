# Once, before the fields of view, so that their jobs find compiled kernels in the cache.
rule compile_kernels:
    output:
        report=KERNELS,
    log:
        "logs/compile_kernels.log",
    benchmark:
        "benchmarks/compile_kernels.tsv"
    conda:
        "../envs/fovea.yaml"
    params:
        version=cache_folder().name,
    message:
        "Compile kernels (once per version and machine)"
    script:
        "../scripts/compile_kernels.py"
