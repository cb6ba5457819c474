rule simulate:
    output:
        recording=DEMO_RECORDING,
        truth=directory(DEMO_TRUTH),
    log:
        paths.SIMULATE_LOG,
    benchmark:
        paths.benchmark(paths.SIMULATE_LOG)
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
