"""How instruments and programs name single images: patterns that the config calls by name.

The names were taken from the makers' manuals and from recordings that other programs' tests
describe. `fovea.config.patterns.compiled` says what a pattern may hold.
"""

from __future__ import annotations

from typing import NamedTuple

_LIGHTS = "Phase|HD Phase|Phase Contrast|Brightfield|Green|Red|NIR|Near IR|Orange|Blue|Cyan"
_SCANS = (
    "{day}d{hour}h{minute}m.tif<f>",
    "{year}y{month}m{day}d_{hour}h{minute}m.tif<f>",
)
_NIKON = "<t{frame}|xy{fov}|z{z}|c{channel}>.tif<f>"


class Layout(NamedTuple):
    """A way to name files; of several patterns that which describes most files is taken."""

    instrument: str
    example: str
    patterns: tuple[str, ...]
    #: Whether each file must have a frame or a time; not where a file holds all frames.
    timed: bool = True


#: By the name in the config. Of layouts that describe equally many images the first is taken.
LAYOUTS = {
    "metaxpress": Layout(
        "Molecular Devices ImageXpress (MetaXpress), database or export",
        "TimePoint_1/exp_B02_s1_w1.TIF",
        (
            "**/TimePoint_{frame}/<ZStep_{z}/>*{well}<_s{fov}><_w{channel}>{guid}.tif<f>",
            "**/TimePoint_{frame}/*{well}<_s{fov}><_w{channel}>_z{z}{guid}.tif<f>",
            "**/TimePoint_{frame}/<ZStep_{z}/>*<_s{fov}>_w{channel}{guid}.tif<f>",
            "**/<ZStep_{z}/>*{well}<_s{fov}><_w{channel}>_t{frame}{guid}.tif<f>",
            "**/<ZStep_{z}/>*{well}<_s{fov}>_w{channel}{guid}.tif<f>",
        ),
        timed=False,
    ),
    "metamorph": Layout(
        "MetaMorph and VisiView, multi-dimensional acquisition",
        "exp_w1GFP_s1_t1.TIF",
        (
            "**/*<_w{channel:1}><_s{fov}>_t{frame}.tif<f>",
            "**/*_w{channel:1}{label}<_s{fov}>_t{frame}.tif<f>",
        ),
    ),
    "phenix": Layout(
        "Revvity (PerkinElmer) Opera Phenix and Operetta (Harmony)",
        "r02c03f01p01-ch1sk1fk1fl1.tiff",
        (
            "**/r{row:2}c{column:2}f{fov}<p{z}>-ch{channel}sk{frame}fk{skip}fl{skip}.tif<f>",
            "**/r{row:2}c{column:2}f{fov}<p{z}>-ch{channel}t{frame}.tif<f>",
        ),
    ),
    "columbus": Layout(
        "Opera and Operetta, exported by Columbus",
        "002003-1-001001001.tif",
        ("**/{row:3}{column:3}-{fov}-{frame:3}{z:3}{channel:3}.tif<f>",),
    ),
    "incell": Layout(
        "GE (Cytiva) IN Cell Analyzer",
        "B - 02(fld 1 wv DAPI - DAPI time 1 - 0ms).tif",
        (
            "**/{row} - {column}(fld {fov} wv {channel:name}< z {z}>< time {frame} - {ms}ms>)"
            ".tif<f>",
            "**/{row} - {column}(fld {fov} wv {channel:name} time {frame} - {ms}ms< z {z}>).tif<f>",
            "**/{row}_{column}_f{fov}_c{channel}_{label}<_z{z}>_t{frame}.tif<f>",
            "**/{row}_{column}_f{fov}_c{channel}_{label}<_z{z}>.tif<f>",
        ),
        timed=False,
    ),
    "micromanager": Layout(
        "Micro-Manager, separate image files, versions 1.4 and 2",
        "Pos0/img_000000000_GFP_000.tif",
        (
            "**/{fov:name}/img_{frame:9}_{channel:name}_{z:3}.tif<f>",
            "**/img_channel{channel}_position{fov}_time{frame}_z{z}.tif<f>",
            "img_{frame:9}_{channel:name}_{z:3}.tif<f>",
        ),
    ),
    "scanr": Layout(
        "Evident (Olympus) scanR",
        "exp--W00001--P00001--Z00000--T00000--GFP.tif",
        ("**/*--W{well:number}--P{fov}--Z{z}--T{frame}--{channel:name}.tif<f>",),
    ),
    "incucyte": Layout(
        "Sartorius Incucyte, with times by day and hour or by date",
        "exp_B2_1_00d12h00m.tif",
        tuple(
            start + scan
            for start in (
                "**/{well}-{fov}-{channel:name}/{well}-{fov}_",
                f"**/{{channel:{_LIGHTS}}}/*{{well}}<_|->{{fov}}_",
                f"**/*<{{channel:{_LIGHTS}}}_>{{well}}<_|->{{fov}}_",
            )
            for scan in _SCANS
        ),
    ),
    "cellacdc": Layout(
        "Cell-ACDC",
        "Position_1/Images/exp_s01_phase_contr.tif",
        ("**/Position_{fov}/Images/*_s{skip}_{channel:name}.tif<f>",),
        timed=False,
    ),
    "cellvoyager": Layout(
        "Yokogawa CellVoyager CV7000, CV8000 and CQ1",
        "plate_B02_T0001F001L01A01Z01C01.tif",
        (
            "**/*{well}_T{frame:4}F{fov:3}L{skip:2}A{skip:2}Z{z:2}C{channel:2}.tif<f>",
            "**/W{well:4}F{fov:4}T{frame:4}Z{z:3}C{channel}.tif<f>",
        ),
    ),
    "gen5": Layout(
        "Agilent (BioTek) Cytation and Lionheart (Gen5)",
        "B2_01_1_1_Phase Contrast_001.tif",
        (
            "**/{well}_<->{skip}_{skip}_{fov}_{channel:name}_{frame:3}.tif<f>",
            "**/{well}_<->{skip}_{skip}_{fov}Z{z}_{channel:name}_{frame:3}.tif<f>",
            "**/{well}_{skip}<Z{z}>_{channel:name}_{fov}_{frame:3}_<-><{skip}>.tif<f>",
        ),
    ),
    "evos": Layout(
        "Thermo EVOS and CellInsight",
        "scan_Plate_R_p00_0_B02f00d0.TIF",
        ("**/*_p{frame}_{skip}_{well}f{fov}d{channel}.tif<f>",),
    ),
    "acquifer": Layout(
        "Acquifer Imaging Machine",
        "-B002--PO01--LO001--CO1--SL001--PX32500--PW0070--IN0020--TM280.tif",
        (
            "**/*-{row:A|B|C|D|E|F|G|H}{column:3}--PO{fov}--LO{frame}--CO{channel}--SL{z}"
            "<--PX{skip}><--PW{skip}><--IN{skip}><--TM{skip}><--X{skip}><--Y{skip}><--Z{skip}>"
            "<--T{skip}><--WE{skip}>.tif<f>",
        ),
    ),
    "leica_matrix": Layout(
        "Leica MatrixScreener",
        "image--L0000--S00--U00--V00--J07--E00--O00--X00--Y00--T0000--Z00--C00.ome.tif",
        (
            "**/image--L{skip}--S{skip}--{well:name}--J{skip}--E{skip}--O{skip}--{fov:name}"
            "--T{frame}--Z{z}--C{channel}.ome.tif<f>",
        ),
    ),
    "keyence": Layout(
        "Keyence BZ-X",
        "Image_T0001_XY01_Z001_CH1.tif",
        (
            "**/*<_XY{fov}|_T{frame}|_Z{z}|_CH{channel}>.tif<f>",
            "**/T{frame}/*<_XY{fov}|_Z{z}|_CH{channel}|_{skip:5}>.tif<f>",
        ),
    ),
    "cell_tracking_challenge": Layout(
        "the Cell Tracking Challenge", "01/t000.tif", ("**/{fov:2}/t{frame}.tif<f>",)
    ),
    "zen": Layout(
        "Zeiss ZEN, exported images",
        "exp_s01t001c1_ORG.tif",
        ("**/*_<s{fov}|t{frame}|z{z}|c{channel}><_ORG>.tif<f>",),
    ),
    "nis": Layout("Nikon NIS-Elements, exported images", "exp_xy01c1t001.tif", (f"*{_NIKON}",)),
    "supersegger": Layout(
        "SuperSegger, and images of NIS-Elements in several folders",
        "xy1/phase/t00001xy1c1.tif",
        (f"**/xy{{skip}}/{{label}}/*{_NIKON}", f"**/*{_NIKON}"),
    ),
    "leica": Layout(
        "Leica LAS AF and LAS X, exported images",
        "Position001_t00_z00_ch00.tif",
        ("**/{fov:name}<_t{frame}|_z{z}>_ch{channel:2}<_RAW>.tif<f>",),
    ),
    "andor": Layout(
        "Andor iQ and Fusion",
        "exp_f0000_t0000_z0000_w0000.tif",
        ("**/*<_f{fov}|_t{frame}|_z{z}|_w{channel}>.tif<f>",),
    ),
}
