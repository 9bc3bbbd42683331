"""What the pictures show, for those who cannot see them: by demo and by the file's name, the best picture first."""

LOSS = "The training loss, epoch by epoch."

CAPTIONS: dict[str, dict[str, str]] = {
    "analogies": {
        "repeated": "Two sprites turned again and again, six times: what the renderer draws, and the answers "
        "of the additive, the multiplicative and the deep analogy.",
        "analogies": "Columns of sprites a, b, c and the true d, and below them the three networks' answers.",
        "exchanged": "Sprites, other sprites whose poses they are to take, the network's drawing, and the truth.",
    },
    "autoencoder": {
        "reconstructions": "A row of digits in fonts that were never seen, and below it what principal components and "
        "the autoencoder make of them from 2, 5 and 32 numbers: the longer the code, the closer.",
        "codes": "The codes of two numbers of all test digits as points in the plane, coloured by class: the "
        "autoencoder's beside those of principal components.",
        "neighbours": "Five digits, and for each its ten nearest neighbours by code and by pixels; the wrong are red.",
    },
    "checkerboard": {
        "overlaps": "How many windows of a transposed convolution of stride 2 cover each pixel: unevenly for kernels "
        "of 3 and 5, evenly for a kernel of 4.",
        "outputs": "Digits, and what three decoders draw at random weights and after each epoch: the transposed "
        "convolutions leave a checkerboard, upsampling leaves none.",
        "spectra-epoch1": "Power spectra of the pictures after the first epoch: regular peaks where a decoder paints "
        "checkerboards.",
        "spectra-epoch2": "Power spectra of the pictures after the second epoch.",
        "profiles-epoch1": "Power against spatial frequency after the first epoch, for real digits and three decoders.",
        "profiles-epoch2": "Power against spatial frequency after the second epoch.",
    },
    "compression": {
        "equal_bytes": "Faces that were never seen, and below them what four formats make of each in as many bytes: "
        "ours, JPEG, WebP and AVIF.",
        "curves": "Quality against bits per pixel for the learnt codec, JPEG, WebP and AVIF, with and without headers.",
        "off_domain": "A portrait, brush strokes and a mosaic, which the codec has not learnt: it loses to JPEG.",
        "sound": "Spectrograms of notes that were never heard, from our file and from mu-law in as many bytes.",
        "sound_curves": "Signal to noise against bits per sample for the learnt codec and mu-law.",
    },
    "convolution": {
        "steps": "A 3 x 3 kernel takes four steps over a 4 x 4 image, and at each gives one number of the output.",
        "matrix": "The kernel written out as a 4 x 16 matrix: a row for each position of the window, the weights of "
        "one row of the kernel in one colour.",
        "transposed": "The transpose of that matrix: each number of a 2 x 2 map is spread over a window of 4 x 4 "
        "pixels, and where windows overlap, they are added up.",
    },
    "deep_dream": {
        "dreams": "A photograph of a pagoda, and the same photograph after it was changed to excite two layers: "
        "coloured textures grow out of it.",
        "dream-4": "The photograph changed to excite a shallow layer.",
        "dream-9": "The photograph changed to excite a deep layer.",
    },
    "deforming": {
        "templates": "The mean image of each digit, a blur, above the mean textures of the deforming autoencoders, "
        "without classes and with them: the latter are sharp.",
        "parts": "Ten digits, and for each its reconstruction, its texture, the texture under the mean deformation, "
        "and the grid that deforms it, without classes and with them.",
        "interpolation": "From one digit to another, step by step, by shape alone, by appearance alone, and by both.",
        "loss": LOSS,
    },
    "deforming_faces": {
        "means": "The mean of many images, a blur; the mean after the learnt warps have aligned them; and the mean of "
        "the learnt textures, which is sharp.",
        "landmarks": "Faces with dots at eyes, nose and mouth: the true ones, those read off the warp, and where they "
        "come to lie in the template.",
        "slide": "Inputs, reconstructions, textures under the mean deformation, and the means of more and more inputs "
        "and textures: the inputs' mean blurs, the textures' stays sharp.",
        "parts": "Inputs, and for each its reconstruction, its texture, the deforming grid, and the aligned input.",
        "interpolation": "From one face to another, step by step, by shape alone and by appearance alone.",
    },
    "denoising": {
        "gaussian": "Digits, the same with Gaussian noise, and what a median, the best linear filter, a plain "
        "autoencoder and the denoising autoencoder make of them.",
        "block": "Digits, the same with a darkened block, and what filters and autoencoders make of them.",
        "dropout": "Digits, the same with half of the pixels dropped, and what filters and autoencoders make of them.",
        "loss": LOSS,
    },
    "face_swap": {
        "swap": "A person in several poses; the same reconstructed; another person wearing these poses, beside "
        "renderings of the truth and what two separate autoencoders draw.",
        "back": "The swap in the other direction.",
        "movement": "A turns the head while the expression changes; B wears it, above renderings of the truth.",
    },
    "faces": {
        "traversals": "One face in each row, while its code moves along one direction: smile, skin, hair, light, pose.",
        "samples": "Faces from the data; faces from noise as it is, by a map to one Gaussian fitted to the codes, and "
        "by one to a mixture; and faces by principal components.",
        "interpolations": "Between the codes of two faces, step by step, three times.",
        "reconstructions": "People never seen, and their reconstructions by principal components and by the VAE.",
        "loss": "The spread of a pixel that the loss amounts to, epoch by epoch.",
    },
    "feature_visualization": {
        "ladder": "Images that excite single channels most, in a row for each layer: edges, then textures, then parts.",
        "channels": "Images drawn to excite and to inhibit channels, beside the examples that do so best and worst.",
        "kinds": "Images drawn to excite and to inhibit a neuron, a channel, a layer, a hidden unit and a class.",
        "classes": "Images drawn to excite and to inhibit each class: by its logit and by its probability.",
    },
    "inverse_graphics": {
        "sweeps": "One photograph decoded while a single number of the code moves: the head turns, nods, or the light "
        "moves. Below each row stands what the renderer draws.",
        "plain": "The same with the best numbers of a plain VAE's code, each of which moves several things at once.",
        "exchanged": "Faces that take the azimuth, the elevation or the light of others by one number of the code, "
        "above renderings of the truth.",
        "table": "How well each number of the code tells each factor, as R squared: ours beside the plain VAE's.",
        "loss": "The spread of a pixel, from the loss, epoch by epoch.",
    },
    "linear_autoencoder": {
        "components": "The directions that span the code as images: those of principal components, and those of the "
        "linear autoencoder, which are mixtures until they are turned.",
        "angle": "The largest angle between the autoencoder's subspace and that of PCA falls to 0 as it learns.",
        "excess": "The training error beyond that of PCA falls to 0 as it learns.",
        "reconstructions": "Digits, and their reconstructions by PCA and by linear autoencoders: they look the same.",
    },
    "photo_style": {
        "slide": "A room and another room whose look it is to take; the result of style transfer, which bends lines, "
        "and that of photo style, which stays a photograph; below, where each of them bends.",
        "photo_style": "The room with the other room's look, and straight lines.",
        "style_transfer": "The room after ordinary style transfer.",
    },
    "pretraining": {
        "accuracy": "Share of digits classified right against the number of labels, with pre-training and without; and "
        "the gain over the network from scratch, with its intervals.",
        "filters": "Filters of the first layer: random, from scratch, and pre-trained, before and after fine-tuning.",
    },
    "relighting": {
        "parts": "Faces taken apart into shading, albedo and warp, in the template and in the picture, beside the true "
        "shading and albedo.",
        "lighting": "The light on three faces changes step by step into that of another face.",
        "relit": "Faces, faces whose light they are to take, the relit faces, and renderings of the truth.",
        "loss": LOSS,
    },
    "siamese": {
        "embedding": "Digits of three classes that were never seen as points in the plane: by pixels they are mixed, "
        "by the learnt embeddings they part.",
        "distances": "Histograms of distances between pairs of one class and of two, by pixels and by embeddings.",
        "neighbours": "Three digits, and the nearest to each by embedding and by pixels; the wrong ones are red.",
        "roc": "Pairs of one class called alike against pairs of two classes called alike, for four distances.",
        "loss": LOSS,
    },
    "sparse": {
        "noise": "Random noise, and what each autoencoder makes of it: copies where nothing is asked of the code, and "
        "flat grey where L1 or L2 is.",
        "filters": "Filters of each autoencoder as images.",
        "codes": "Histograms of the codes: under L1 nearly all units are 0.",
        "atoms": "Waves planted in sounds, and the units that have found them: those under L1 match.",
        "reconstructions": "Digits, and their reconstructions by each autoencoder.",
    },
    "style_transfer": {
        "transfer": "A picture, a painting, and the picture painted as the painting is.",
        "result": "The painted picture alone.",
        "layers": "What each layer keeps of the content and of the style, from shallow to deep.",
        "sweep": "The same picture with more and more weight on the style.",
        "mixing": "The picture between two styles, in five steps.",
        "optimizers": "The loss under L-BFGS and under Adam, by evaluations.",
        "loss": "The loss, evaluation by evaluation.",
    },
    "style_network": {
        "corners": "A photograph painted in four styles at the corners of a square, and in their blends between them.",
        "styles": "Photographs in a row for each style, each painted in a single pass of the same network.",
    },
    "translation": {
        "attention": "A matrix of words read in Russian and words written in English: where the translator looks as "
        "it writes each word.",
        "lengths": "Share of sentences that are right to the letter, by their length, with attention and without.",
        "loss": LOSS,
    },
    "vae": {
        "codes": "Codes of two numbers as points in the plane, coloured by class: those of the plain autoencoder leave "
        "gaps, those of the variational one fill a disc.",
        "manifold": "A board of digits decoded from codes on a regular grid: neighbours are alike, and one digit "
        "passes into another.",
        "samples": "Digits from the data beside digits drawn from noise: by the variational autoencoder legible, by "
        "the plain one not.",
        "interpolations": "From one digit to another, step by step: by codes, and by blending pixels.",
        "loss": LOSS,
    },
}
