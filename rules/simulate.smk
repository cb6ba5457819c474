rule simulate:
    output:
        recording=paths.DEMO_RECORDING,
        truth=directory(paths.DEMO_TRUTH),
    log:
        "logs/simulate.log",
    benchmark:
        "benchmarks/simulate.tsv"
    conda:
        "../envs/fovea.yaml"
    resources:
        mem_mb=more(2000),
        runtime=more(60),
    params:
        options=config["demo"],
    message:
        "Simulate the demo recording"
    script:
        "../scripts/simulate.py"
